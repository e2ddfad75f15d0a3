import { restoreVolumeLimits } from '../../model/content/restore-limits.ts';
import { VolumeError } from '../../model/errors.ts';
import { hasLimit, type Volume } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import type { Pool } from '../../model/ports/pool.ts';
import type { ContentFault } from '../../model/ports/ports.ts';
import { exclusive, type Held, shared } from '../../model/state/holds.ts';
import { rebuildContent } from '../../model/volumes/rebuild-content.ts';
import { titleOf } from '../../status/title.ts';
import type { PlannedRepair } from './planned-repair.ts';

type Remedy = NonNullable<ContentFault['repair']>;

const repairs: Readonly<Record<Remedy, string>> = {
  'restore limits': 'set the limit that its record has',
  'adopt files': 'count its files for its quota',
  rebuild: 'make it a subvolume, as a copy that takes its place',
};

/** Volumes that are not held to their size, or to another than their record says. */
export async function volumeRepairs(parts: Parts, pools: readonly Pool[]): Promise<PlannedRepair[]> {
  const names = new Set(pools.map(({ name }) => name));
  const limited = parts.catalogue.volumes
    .all()
    .filter(({ pool, content }) => names.has(pool) && hasLimit(content));
  const found: PlannedRepair[] = [];
  for (const volume of limited) {
    const wrong = await faultOf(parts, volume);
    if (!wrong) continue;
    const { remedy, problem } = wrong;
    found.push({
      subject: `volume ${titleOf(volume)}`,
      reason: 'CapacityNotEnforced',
      problem,
      repair: repairs[remedy],
      holds: [remedy === 'rebuild' ? exclusive('volume', volume.id) : shared('volume', volume.id)],
      run: (held, signal) => make(parts, volume.id, remedy, { held, signal }),
    });
  }
  return found;
}

/** What is wrong with a volume and can be repaired; undefined if nothing is, or if it has just been deleted. */
async function faultOf(
  parts: Parts,
  volume: Volume,
): Promise<{ readonly remedy: Remedy; readonly problem: string } | undefined> {
  try {
    const faults = await parts.catalogue.dataOf(volume).faults();
    const fault = faults.find(({ repair }) => repair !== undefined && repair !== 'restore limits');
    if (fault?.repair) return { remedy: fault.repair, problem: fault.message };
    const limits = await restoreVolumeLimits(parts, volume.id, { isDryRun: true });
    if (limits.kind !== 'restored') return undefined;
    const lost = faults.find(({ repair }) => repair === 'restore limits');
    const problem = lost?.message ?? 'the limit in force is not that of its record';
    return { remedy: 'restore limits', problem };
  } catch (error) {
    // Health reports content that is lost or cannot be read.
    if (error instanceof VolumeError) return undefined;
    throw error;
  }
}

async function make(
  parts: Parts,
  id: string,
  remedy: Remedy,
  { held, signal }: { readonly held: Held; readonly signal: AbortSignal },
): Promise<void> {
  const volume = parts.catalogue.volumes.findIntact(id);
  if (!volume) return;
  switch (remedy) {
    case 'restore limits':
      return restore(parts, id);
    case 'adopt files': {
      const recount = await parts.catalogue
        .dataOf(volume)
        .recount({ signal, otherProjects: new Set(), adoptsFiles: true });
      if (!recount?.failures) return;
      throw new VolumeError('precondition', `${recount.failures} files could not be counted`);
    }
    case 'rebuild':
      await rebuildContent(parts, held.volume(volume), signal);
      return restore(parts, id);
  }
}

async function restore(parts: Parts, id: string): Promise<void> {
  const limits = await restoreVolumeLimits(parts, id);
  if (limits.kind === 'failed') throw limits.error;
}
