import { quote, VolumeError } from '../errors.ts';
import { isReadOnlyPool } from '../find/takes-writes.ts';
import { type Finding, finding } from '../objects/finding.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';
import { orUnreadable } from './look-errors.ts';
import { nearlyFull } from './nearly-full.ts';

/** The health of a pool as a whole. */
export interface PoolHealth {
  /** Problems that affect everything in it. */
  readonly findings: readonly Finding[];
  /** Problems with the space of its disk, which affect only volumes that have no space of their own. */
  readonly space: readonly Finding[];
  /** Deleted content that cannot be removed, which affects no existing volume. */
  readonly leftovers: readonly Finding[];
  /** Whether its contents can be examined. */
  readonly isReachable: boolean;
}

/** Checks a pool. Never rejects because the pool is gone, or its disk is broken. */
export async function poolHealth(model: Model, pool: Pool): Promise<PoolHealth> {
  const unreachable = await whyUnreachable(pool);
  const ofPool = (each: Finding) => ({ ...each, pool: pool.name });
  if (unreachable) return { findings: [ofPool(unreachable)], space: [], leftovers: [], isReachable: false };
  const name = `pool ${quote(pool.name)}`;
  const findings = await orUnreadable(name, () => readOnlyPool(model, pool));
  const space = await orUnreadable(name, async () => nearlyFull(`the disk of ${name}`, await pool.usage()));
  return {
    findings: findings.map(ofPool),
    space: space.map(ofPool),
    leftovers: leftoversOf(pool).map(ofPool),
    isReachable: true,
  };
}

/** Why a pool is unreachable; undefined if it is reachable. */
export async function whyUnreachable(pool: Pool): Promise<Finding | undefined> {
  try {
    await pool.checkReachable();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = error instanceof VolumeError ? why : `pool ${quote(pool.name)} cannot be opened: ${why}`;
    return finding('PoolUnreachable', message);
  }
}

async function readOnlyPool(model: Model, pool: Pool): Promise<Finding[]> {
  if (!(await isReadOnlyPool(model, pool))) return [];
  return [finding('PoolReadOnly', `pool ${quote(pool.name)} is read-only: its file system takes no writes`)];
}

function leftoversOf({ name, stuckRemovals }: Pool): Finding[] {
  return stuckRemovals.map(({ directory, reason }) => {
    const message = `pool ${quote(name)} cannot remove deleted content yet: ${reason} (in ${directory})`;
    return finding('DeletedContentLeft', message);
  });
}
