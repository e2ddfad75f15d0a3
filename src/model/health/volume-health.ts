import { quote, unknownVolume } from '../errors.ts';
import { type Finding, finding } from '../objects/finding.ts';
import { parseOwnId } from '../objects/object-id.ts';
import type { Damaged } from '../objects/stored.ts';
import type { Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';
import { contentHealth } from './content-health.ts';
import { orUnreadable } from './look-errors.ts';
import { type PoolHealth, poolHealth } from './pool-health.ts';

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
 * @param lookAtPool may return an earlier result
 * @throws VolumeError not-found; for a volume that cannot be reached or understood, the result says so
 */
export async function volumeHealth(
  model: Model,
  volumeId: string,
  lookAtPool = (pool: Pool) => poolHealth(model, pool),
): Promise<VolumeHealth> {
  const pool = poolOf(model, volumeId);
  if (!pool) throw unknownVolume(volumeId);
  const health = await lookAtPool(pool);
  // If the pool has just come back, its records have been read.
  const damaged = model.volumes.findDamaged(volumeId);
  if (damaged)
    return { id: volumeId, volume: undefined, findings: [recordDamaged(damaged), ...health.findings] };
  const volume = model.volumes.findIntact(volumeId);
  // The contents of a pool that was never present are unknown.
  if (!health.isReachable) return { id: volumeId, volume, findings: health.findings };
  const content = volume && (await contentAtRest(model, volume, health));
  if (!volume || !model.volumes.findIntact(volumeId)) throw unknownVolume(volumeId);
  return { id: volumeId, volume, findings: [...health.findings, ...(content ?? [])] };
}

/** The pool of a volume, or the pool that its id names. */
function poolOf({ volumes, pools }: Model, volumeId: string): Pool | undefined {
  const known = volumes.findDamaged(volumeId) ?? volumes.findIntact(volumeId);
  if (known) return pools.of(known);
  const own = parseOwnId(volumeId);
  return own && pools.withId(own.poolId);
}

/** The health of a volume's content, unless the volume is being deleted. */
function contentAtRest(model: Model, volume: Volume, health: PoolHealth): Promise<readonly Finding[]> {
  return model.volumesInWork.watch(async (watch) => {
    const findings = await orUnreadable(`volume ${quote(volume.id)}`, () =>
      contentHealth(model, volume, health),
    );
    return watch.isAtRest(volume.id) ? findings : [];
  });
}

function recordDamaged({ id, reason }: Damaged): Finding {
  return finding('RecordDamaged', `the record of volume ${quote(id)} cannot be understood: ${reason}`);
}
