import type { ValueKind } from './flag.ts';
import { parseCapacityName, parsePoolName } from './names.ts';
import { absolutePath, bytes, named, parsed } from './values.ts';

/** The location of a pool. */
export interface PoolPlace {
  readonly name: string;
  /** Absolute; symbolic links are not resolved. */
  readonly path: string;
}

/** How much may be reserved in a pool, or for the volumes of a class in the state directory. */
export interface PoolCapacity {
  readonly name: string;
  readonly capacityBytes: bigint;
}

const namedPath = named(absolutePath);
const namedSize = named(bytes);

export const poolPlace: ValueKind<PoolPlace> = parsed(
  namedPath.placeholder,
  (given) => {
    const { name, value } = namedPath.parse(given);
    return { name: parsePoolName(name), path: value };
  },
  namedPath.forms,
);

export const poolCapacity: ValueKind<PoolCapacity> = parsed(
  namedSize.placeholder,
  (given) => {
    const { name, value } = namedSize.parse(given);
    return { name: parseCapacityName(name), capacityBytes: value };
  },
  namedSize.forms,
);

/** The flags for the locations and sizes of pools; a value that is itself a mistake is absent. */
interface PoolFlags {
  readonly stateDir?: string | undefined;
  readonly pools?: readonly PoolPlace[] | undefined;
  readonly capacities?: readonly PoolCapacity[] | undefined;
}

/** Mistakes about pools that are visible on the command line alone, a sentence each. */
export function poolConflicts({ stateDir, pools = [], capacities = [] }: PoolFlags): readonly string[] {
  return [
    ...repeatedNames(pools).map((name) => `--pool: ${JSON.stringify(name)} is given more than once`),
    ...pools.flatMap((pool, index) => [
      ...(stateDir === undefined ? [] : overlap('the state directory', stateDir, pool)),
      ...pools
        .slice(0, index)
        // A repeated name is already reported.
        .filter((other) => other.name !== pool.name)
        .flatMap((other) => overlap(`pool ${JSON.stringify(other.name)}`, other.path, pool)),
    ]),
    ...repeatedNames(capacities).map((name) => `--capacity: ${JSON.stringify(name)} is given more than once`),
  ];
}

function repeatedNames(items: readonly { readonly name: string }[]): readonly string[] {
  const names = items.map(({ name }) => name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function overlap(other: string, otherPath: string, { name, path }: PoolPlace): readonly string[] {
  const pool = `--pool: ${JSON.stringify(name)} at ${JSON.stringify(path)}`;
  if (path === otherPath) return [`${pool} is where ${other} is`];
  if (isBelow(path, otherPath)) return [`${pool} lies in ${other}, ${JSON.stringify(otherPath)}`];
  if (isBelow(otherPath, path)) return [`${pool} has ${other} below it, ${JSON.stringify(otherPath)}`];
  return [];
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
