import * as z from 'zod';
import { VolumeError } from '../../model/errors.ts';
import type { Parts } from '../../model/parts.ts';
import { exclusive } from '../../model/state/holds.ts';
import type { Action } from '../action.ts';
import { leftDevices } from './left-devices.ts';
import { leftMounts } from './left-mounts.ts';
import { movedPools } from './moved-pools.ts';
import type { PlannedRepair, RepairOutcome, RepairReport } from './planned-repair.ts';
import { poolRepairs } from './pool-repairs.ts';
import { volumeRepairs } from './volume-repairs.ts';

const input = z.strictObject({
  dryRun: z.boolean(),
  /** The pools whose disks are others than before, and are right. */
  acceptDisks: z.array(z.string()).default([]),
});

/** The repairs that were made, or that would be. */
export interface RepairResult {
  readonly repairs: readonly RepairOutcome[];
}

/**
 * Puts right what the driver can, one thing after the other, each whole. It deletes no content that a record or a person may
 * want, and no record.
 */
export const repair: Action<z.infer<typeof input>, RepairResult> = {
  input,
  holds: ({ dryRun }) => (dryRun ? [] : [exclusive('action', 'repair')]),
  async run({ dryRun, acceptDisks }, { model, signal, tell, renewReports }) {
    const repairs: RepairOutcome[] = [];
    // What is wrong in a pool can be found out once it is used.
    for (const find of [() => movedPools(model, acceptDisks), () => plannedRepairs(model)]) {
      for (const each of await find()) {
        signal.throwIfAborted();
        if (!dryRun) tell(`${each.subject}: ${each.repair}`);
        repairs.push({ ...reportOf(each), ...(dryRun ? {} : await make(model, each, signal)) });
      }
    }
    if (!dryRun) renewReports();
    return { repairs };
  },
};

async function plannedRepairs(parts: Parts): Promise<PlannedRepair[]> {
  const reachable = new Set<string>();
  for (const pool of parts.catalogue.pools.all) {
    if (await isReachable(pool)) reachable.add(pool.name);
  }
  const pools = parts.catalogue.pools.all.filter(({ name }) => reachable.has(name));
  return [
    ...(await leftMounts(parts, pools)),
    ...(await leftDevices(parts, pools)),
    ...(await poolRepairs(parts, pools)),
    ...(await volumeRepairs(parts, pools)),
  ];
}

/** An unreachable pool is a problem of its own, which health reports. */
async function isReachable(pool: { checkReachable(): Promise<void> }): Promise<boolean> {
  try {
    await pool.checkReachable();
    return true;
  } catch (error) {
    if (error instanceof VolumeError) return false;
    throw error;
  }
}

function reportOf({ subject, reason, problem, repair: how }: PlannedRepair): RepairReport {
  return { subject, ...(reason ? { reason } : {}), problem, repair: how };
}

async function make(
  { holds }: Parts,
  planned: PlannedRepair,
  signal: AbortSignal,
): Promise<Pick<RepairOutcome, 'error'>> {
  try {
    const held = holds.hold(planned.holds);
    await planned.run(held, signal).finally(() => held.release());
    return {};
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    return { error: error.message };
  }
}
