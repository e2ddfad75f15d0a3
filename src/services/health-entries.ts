import { quote } from '../model/errors.ts';
import {
  type Finding,
  type HealthReason,
  type HealthStatus,
  healthReasons,
} from '../model/objects/finding.ts';
import { joinedWithin } from '../text/joined-within.ts';
import { STRING_LIMIT_BYTES } from './string-limit.ts';

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

function messageOf(alike: readonly Finding[], volumeId: string | undefined): string {
  const brief = (text: string) =>
    volumeId === undefined ? text : text.replaceAll(`volume ${quote(volumeId)}`, 'the volume');
  const sentences = distinct(alike.map(({ message }) => brief(message)));
  const places = alike.flatMap(({ where }) => where ?? []);
  const [what, ...others] = distinct(places.map((each) => brief(each.what)));
  const isOneAtPlaces = what !== undefined && others.length === 0 && places.length === alike.length;
  if (sentences.length === 1 || !isOneAtPlaces) return joinedWithin(STRING_LIMIT_BYTES, '', sentences, '; ');
  const paths = distinct(places.map(({ path }) => quote(path)));
  return joinedWithin(STRING_LIMIT_BYTES, `${what} at `, paths, ', ');
}

function distinct(list: readonly string[]): string[] {
  return [...new Set(list)];
}
