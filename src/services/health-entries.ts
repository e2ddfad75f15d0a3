import { quote } from '../model/errors.ts';
import type { VolumeHealth } from '../model/health/volume-health.ts';
import {
  type Finding,
  type HealthReason,
  type HealthStatus,
  healthReasons,
  type OnFinding,
} from '../model/objects/finding.ts';
import type { VolumeHealth as VolumeHealthMessage } from '../rpc/generated/csi/v1/VolumeHealth.ts';
import { joinWithinLimit } from '../text/truncate-text.ts';
import { STRING_LIMIT_BYTES } from './requests.ts';

/** One finding in replies. */
export interface HealthEntry {
  readonly status: HealthStatus;
  readonly reason: HealthReason;
  /** At most 128 bytes; the log has the full text. */
  readonly message: string;
}

/**
 * Returns one entry per pair of status and reason, as the specification requires (VolumeHealth): findings at several
 * paths or in several pools share one message. A reason has only one status.
 * @param volumeId the volume that the reply already names, so that the messages need not repeat it
 */
export function healthEntries(findings: readonly Finding[], volumeId?: string): HealthEntry[] {
  const byReason = new Map<HealthReason, Finding[]>();
  for (const each of findings) byReason.set(each.reason, [...(byReason.get(each.reason) ?? []), each]);
  return [...byReason].map(([reason, alike]) => ({
    status: healthReasons[reason],
    reason,
    message: messageOf(alike, volumeId),
  }));
}

function messageOf(findings: readonly Finding[], volumeId: string | undefined): string {
  const abbreviate = (text: string) =>
    volumeId === undefined ? text : text.replaceAll(`volume ${quote(volumeId)}`, 'the volume');
  const sentences = distinct(findings.map(({ message }) => abbreviate(message)));
  const affectedPaths = findings.flatMap(({ where }) => where ?? []);
  const [problem, ...others] = distinct(affectedPaths.map((each) => abbreviate(each.problem)));
  const isSameProblem =
    problem !== undefined && others.length === 0 && affectedPaths.length === findings.length;
  if (sentences.length === 1 || !isSameProblem)
    return joinWithinLimit(STRING_LIMIT_BYTES, '', sentences, '; ');
  const paths = distinct(affectedPaths.map(({ path }) => quote(path)));
  return joinWithinLimit(STRING_LIMIT_BYTES, `${problem} at `, paths, ', ');
}

function distinct(list: readonly string[]): string[] {
  return [...new Set(list)];
}

/** The health of a volume in replies (CSI specification, VolumeHealth); truncated messages are logged in full. */
export function volumeHealthMessage(
  onFinding: OnFinding,
  { id, findings }: VolumeHealth,
): VolumeHealthMessage {
  for (const each of findings)
    onFinding(each.pool === undefined ? { volumeId: id } : { pool: each.pool }, each);
  return { volume_id: id, health_statuses: healthEntries(findings, id) };
}
