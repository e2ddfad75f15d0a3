import { quote, unknownVolume } from '../errors.ts';
import { type Finding, finding } from '../objects/finding.ts';
import type { DamagedObject } from '../objects/object-index.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { contentHealth } from './content-health.ts';
import { reportUnreadable } from './pool-health.ts';
import { SharedChecks } from './shared-checks.ts';

/** The problems of a volume. */
export interface VolumeHealth {
  readonly id: string;
  /** Undefined if its record cannot be understood, or was not read, because its pool was never present. */
  readonly volume: Volume | undefined;
  readonly findings: readonly Finding[];
}

/**
 * The health of a volume's content (CSI specification, ControllerGetVolumeHealth). Takes no lock. Transient states in
 * the middle of another call are not reported.
 * @param shared with the checks of other volumes
 * @throws VolumeError not-found; for a volume that cannot be reached or understood, the result says so
 */
export async function volumeHealth(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volumeId: string,
  shared = new SharedChecks(parts.host),
): Promise<VolumeHealth> {
  const pool = parts.catalogue.poolOf(parts.catalogue.volumes, volumeId);
  if (!pool) throw unknownVolume(volumeId);
  const health = await shared.healthOf(pool);
  // If the pool has just come back, its records have been read.
  const damaged = parts.catalogue.volumes.findDamaged(volumeId);
  if (damaged)
    return { id: volumeId, volume: undefined, findings: [recordDamaged(damaged), ...health.findings] };
  const volume = parts.catalogue.volumes.findIntact(volumeId);
  // The contents of a pool that was never present are unknown.
  if (!health.isReachable) return { id: volumeId, volume, findings: health.findings };
  const content = volume && (await stableContentHealth(parts, volume, shared));
  if (!volume || !parts.catalogue.volumes.findIntact(volumeId)) throw unknownVolume(volumeId);
  return { id: volumeId, volume, findings: [...health.findings, ...(content ?? [])] };
}

/** The health of a volume's content, unless the volume is being deleted. */
function stableContentHealth(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volume: Volume,
  shared: SharedChecks,
): Promise<readonly Finding[]> {
  return parts.holds.changing.watch(async (watch) => {
    const findings = await reportUnreadable(`volume ${quote(volume.id)}`, () =>
      contentHealth(parts, volume, shared),
    );
    return watch.isAtRest(volume.id) ? findings : [];
  });
}

function recordDamaged({ id, reason }: DamagedObject): Finding {
  return finding('RecordDamaged', `the record of volume ${quote(id)} is damaged: ${reason}`);
}
