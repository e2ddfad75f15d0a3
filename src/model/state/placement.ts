import { invalidValue, quote, VolumeError } from '../errors.ts';
import type { Account } from '../objects/account.ts';
import type { Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { Catalogue } from './catalogue.ts';

/** Where a volume is, or will be: a pool, and the accounting class in it that the volume counts against, if any. */
export interface Placement {
  readonly pool: Pool;
  readonly capacityClass: string | undefined;
}

/** The placement of an existing volume. */
export function placementOf(catalogue: Catalogue, volume: Volume): Placement {
  return { pool: catalogue.pools.of(volume), capacityClass: volume.capacityClass };
}

/** The accounts that a volume with this placement counts against in full. A class that is no longer configured is ignored. */
export function accountsOf({ pool, capacityClass }: Placement): Account[] {
  const ofClass = capacityClass === undefined ? undefined : pool.classes.get(capacityClass);
  return ofClass ? [pool.account, ofClass] : [pool.account];
}

/** The placement with this name: a pool, or an accounting class of the default pool; undefined if there is neither. */
export function findPlacement(catalogue: Catalogue, name: string): Placement | undefined {
  const { default: defaultPool } = catalogue.pools;
  const pool = catalogue.pools.find(name);
  if (pool) return { pool, capacityClass: undefined };
  return defaultPool.classes.has(name) ? { pool: defaultPool, capacityClass: name } : undefined;
}

/**
 * The placements on this node among those with these names; empty if only other nodes have them. Without a name it is
 * the default pool, and the class with the most room if it has classes.
 * @returns undefined if one of the names is unknown
 */
export function findPlacements(catalogue: Catalogue, names: readonly string[]): Placement[] | undefined {
  const { pools } = catalogue;
  if (names.length === 0)
    return [{ pool: pools.default, capacityClass: classWithMostCapacity(pools.default) }];
  const here = [...new Set(names)].filter((name) => !pools.isElsewhere(name));
  const found = here.map((name) => findPlacement(catalogue, name));
  return found.every((placement) => placement !== undefined) ? found : undefined;
}

/**
 * The same, for a volume that must be in one of them.
 * @throws VolumeError invalid: an unknown name, with every existing one; exhausted: only other nodes have them, so that
 *   the CO tries there
 */
export function requirePlacements(
  catalogue: Catalogue,
  names: readonly string[],
): [Placement, ...Placement[]] {
  const found = findPlacements(catalogue, names);
  if (!found) throw unknownPoolError(catalogue, names);
  const [first, ...others] = found;
  if (first) return [first, ...others];
  const message = `${quote(names.join(','))} is not on this node, only on others`;
  throw new VolumeError('exhausted', message, { about: 'pool' });
}

function unknownPoolError(catalogue: Catalogue, names: readonly string[]): VolumeError {
  const { pools } = catalogue;
  const unknown = names.find((name) => !pools.isElsewhere(name) && !findPlacement(catalogue, name));
  const known = [...pools.all.map((pool) => pool.name), ...pools.default.classes.keys()];
  return invalidValue('pool', unknown, `is an unknown pool; available: ${known.join(', ')}`);
}

function classWithMostCapacity({ classes }: Pool): string | undefined {
  let best: { name: string; availableBytes: bigint } | undefined;
  for (const [name, { availableBytes = 0n }] of classes) {
    if (!best || availableBytes > best.availableBytes) best = { name, availableBytes };
  }
  return best?.name;
}
