import { quote, VolumeError } from '../../model/errors.ts';
import type { Parts } from '../../model/parts.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { acceptMoved, findMoved, type MovedPool } from '../../pools/directory/accept-disk.ts';
import { lockPool } from '../../pools/directory/pool-lock.ts';
import { PoolRegistry } from '../../pools/directory/pool-registry.ts';
import { poolLayout } from '../../records/pool-layout.ts';
import type { PlannedRepair, RepairOutcome, RepairReport } from './planned-repair.ts';

/**
 * Pools that are on other disks than before, and that the user says are right.
 * @throws VolumeError not-found: there is no such pool
 */
export async function movedPools(
  { catalogue: { pools } }: Pick<Parts, 'catalogue'>,
  names: readonly string[],
): Promise<PlannedRepair[]> {
  const found: PlannedRepair[] = [];
  for (const name of names) {
    const pool = pools.find(name);
    if (!pool) {
      const available = pools.all.map((each) => each.name).join(', ');
      throw new VolumeError('not-found', `unknown pool ${quote(name)}; available: ${available}`);
    }
    if (!(await pool.acceptDisk({ isDryRun: true }))) continue;
    const run = async () => void (await pool.acceptDisk());
    found.push({ ...movedReport(name, pool.path), holds: [], run });
  }
  return found;
}

/**
 * The same while no driver runs, since it does not start without its default pool. Keeps drivers from starting meanwhile.
 * @throws VolumeError with a sentence: a driver runs, or the pool is not there
 */
export async function acceptWithoutDriver(
  stateDir: string,
  names: readonly string[],
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<RepairOutcome[]> {
  const lock = await lockPool(poolLayout(stateDir), 0);
  try {
    const registry = new PoolRegistry(stateDir);
    const repairs: RepairOutcome[] = [];
    for (const name of names) {
      const path = name === defaultPoolName ? stateDir : ((await registry.find(name))?.path ?? '');
      const moved: MovedPool | undefined = await findMoved({ name, path }, registry);
      if (moved && !isDryRun) await acceptMoved(registry, moved);
      if (moved) repairs.push(movedReport(name, path));
    }
    return repairs;
  } finally {
    await lock.release();
  }
}

function movedReport(name: string, path: string): RepairReport {
  return {
    subject: `pool ${name}`,
    reason: 'PoolUnreachable',
    problem: `${path} has the pool, on another file system than before`,
    repair: 'use it there from now on',
  };
}
