import { overlapOf } from '../options/path-overlap.ts';
import type { PoolCapacity, PoolLocation } from '../options/pools.ts';
import { type DiskReserve, noReserve } from '../units/disk-reserve.ts';
import { matchesNode } from './node-pattern.ts';
import type { PoolEntry } from './parse-config.ts';

/** A pool that the configuration file gives to this node. */
export interface ConfiguredPool extends PoolLocation {
  /** Undefined if only the disk limits it. */
  readonly capacityBytes: bigint | undefined;
  readonly reserve: DiskReserve;
}

/** The pools of the configuration file, as one node sees them. */
export interface NodePools {
  readonly here: readonly ConfiguredPool[];
  /** The names of the pools that only other nodes have. */
  readonly elsewhere: ReadonlySet<string>;
}

/** The flags that say which node this is, and which pools it has already. */
export interface NodeFlags {
  readonly nodeId: string;
  readonly stateDir: string;
  readonly pools: readonly PoolLocation[];
  readonly capacities: readonly PoolCapacity[];
}

/** The pools of a node among those in a file. */
export function poolsOfNode(entries: readonly PoolEntry[], { nodeId }: Pick<NodeFlags, 'nodeId'>): NodePools {
  const here = entries.filter((entry) => isOn(entry, nodeId));
  const names = new Set(here.map(({ name }) => name));
  return {
    here: here.map(({ name, path, capacity, reserve = noReserve }) => ({
      name,
      path,
      capacityBytes: capacity,
      reserve,
    })),
    elsewhere: new Set(entries.map(({ name }) => name).filter((name) => !names.has(name))),
  };
}

function isOn({ nodes }: PoolEntry, nodeId: string): boolean {
  return nodes === undefined || nodes.some((pattern) => matchesNode(pattern, nodeId));
}

/**
 * The conflicts of a file with the flags and with itself, one sentence each. A name may be listed again for other
 * nodes, where the pool may have another path.
 */
export function configConflicts(entries: readonly PoolEntry[], flags: NodeFlags): string[] {
  return entries.flatMap((entry, index) => [
    ...nameConflicts(entry, flags).map((problem) => `pools[${index}].name: ${problem}`),
    ...(isOn(entry, flags.nodeId) ? conflictsHere(entries, index, flags) : []),
  ]);
}

/** On any node, since the name would mean two things. */
function nameConflicts({ name }: PoolEntry, { pools, capacities }: NodeFlags): string[] {
  const quoted = JSON.stringify(name);
  return [
    ...pools
      .filter((pool) => pool.name === name)
      .map(({ path }) => `${quoted} is the name of another pool, --pool=${name}=${path}`),
    ...capacities
      .filter((capacity) => capacity.name === name)
      .map(() => `${quoted} is also in --capacity=${name}; set its capacity in the file`),
  ];
}

function conflictsHere(
  entries: readonly PoolEntry[],
  index: number,
  { nodeId, stateDir, pools }: NodeFlags,
): string[] {
  const entry = entries[index];
  if (!entry) return [];
  const others = entries
    .slice(0, index)
    .flatMap((other, at) => (isOn(other, nodeId) ? [{ ...other, at }] : []));
  const overlaps = [
    overlapOf(entry.path, 'the state directory', stateDir),
    ...pools
      .filter(({ name }) => name !== entry.name)
      .map(({ name, path }) => overlapOf(entry.path, `pool ${JSON.stringify(name)} (--pool)`, path)),
    ...others
      .filter(({ name }) => name !== entry.name)
      .map(({ name, path, at }) =>
        overlapOf(entry.path, `pool ${JSON.stringify(name)} (pools[${at}])`, path),
      ),
  ].filter((overlap) => overlap !== undefined);
  return [
    ...others
      .filter(({ name }) => name === entry.name)
      .map(({ name, at }) => {
        const problem = `${JSON.stringify(name)} is also the name of pools[${at}]`;
        return `pools[${index}].name: ${problem}, and node ${JSON.stringify(nodeId)} has both`;
      }),
    ...overlaps.map((overlap) => `pools[${index}].path: ${JSON.stringify(entry.path)} ${overlap}`),
  ];
}
