import { VolumeError } from '../../model/errors.ts';
import { podOf } from '../../model/mounting/remove-orphans.ts';
import type { Parts } from '../../model/parts.ts';
import type { Pool } from '../../model/ports/pool.ts';
import { exclusive } from '../../model/state/holds.ts';
import { deleteUnused } from '../../model/volumes/delete-volume.ts';
import type { PlannedRepair } from './planned-repair.ts';

/** Deleted content that could not be removed, and inline volumes whose pods are gone. */
export async function poolRepairs(parts: Parts, pools: readonly Pool[]): Promise<PlannedRepair[]> {
  return [...pools.flatMap(stuckRemovals), ...(await orphans(parts, pools))];
}

function stuckRemovals(pool: Pool): PlannedRepair[] {
  return pool.removals.stuck.map(({ directory, reason }) => ({
    subject: `pool ${pool.name}`,
    reason: 'DeletedContentLeft',
    problem: `${directory} cannot be removed: ${reason}`,
    repair: `remove ${directory}, whose volume is deleted`,
    holds: [],
    async run() {
      const failure = await pool.retryRemoval(directory);
      if (failure !== undefined) throw new VolumeError('precondition', failure);
    },
  }));
}

async function orphans(parts: Parts, pools: readonly Pool[]): Promise<PlannedRepair[]> {
  const found: PlannedRepair[] = [];
  for (const volume of parts.catalogue.volumes.all()) {
    const { id, inline } = volume;
    if (!inline || !pools.some(({ name }) => name === volume.pool)) continue;
    if ((await podOf(parts, inline)) !== 'gone') continue;
    found.push({
      subject: `volume ${id}`,
      problem: `it is an inline volume, and its pod is gone (${inline.targetPath})`,
      repair: 'delete it, as the end of its pod would have done',
      holds: [exclusive('volume', id)],
      async run() {
        const now = parts.catalogue.volumes.findIntact(id);
        if (now?.inline && (await podOf(parts, now.inline)) === 'gone') await deleteUnused(parts, now);
      },
    });
  }
  return found;
}
