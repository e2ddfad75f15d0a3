import type { Volume } from '../objects/volume.ts';
import type { OccupiedBytes } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';

/**
 * Copies share blocks with their source, and with its other copies: their lineage. Overwriting a shared block takes a
 * new one, so shared blocks do not count as space that a volume already has.
 */

/**
 * The space that a volume occupies on its disk now. @param home whether it is among the existing or the retained volumes
 */
export function occupiedBytesOf(
  model: Model,
  volume: Volume,
  home: 'volumes' | 'retained' = 'volumes',
): Promise<OccupiedBytes> {
  const { records, backends } = model.pools.of(volume);
  const directory = records[home].directoryOf(volume.id);
  return backends[volume.content.backend].occupiedBytes(directory, volume);
}

/** The least part of its space that a volume shares with no other. */
export function exclusiveBytes(model: Model, { sharing }: Volume, occupied: OccupiedBytes): bigint {
  if (occupied.exclusive !== undefined) return occupied.exclusive;
  if (sharing.sharedBytes === 0n || !hasRelatives(model, sharing.lineage)) return occupied.total;
  return occupied.total > sharing.sharedBytes ? occupied.total - sharing.sharedBytes : 0n;
}

function hasRelatives(model: Model, lineage: string): boolean {
  const { volumes, retained, snapshots } = model;
  const counts = [volumes, retained, snapshots].map((index) => index.countOfLineage(lineage));
  return counts.reduce((sum, count) => sum + count) > 1;
}
