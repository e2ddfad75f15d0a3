import { resolve } from 'node:path';
import { type Endpoint, formatEndpoint } from '../rpc/server/endpoint.ts';
import { isLabelValue } from './names.ts';
import { overlapOf } from './path-overlap.ts';
import type { PoolCapacity, PoolLocation } from './pools.ts';
import type { FlagValues } from './table.ts';

/** Errors in the combination of flags, a sentence each. A value that is itself invalid is absent, and not checked. */
export function conflicts(values: Partial<FlagValues>): readonly string[] {
  return [
    ...topologyConflicts(values),
    ...poolConflicts(values),
    ...proxyConflicts(values),
    ...pageConflicts(values),
  ];
}

function topologyConflicts({ nodeId, enableTopology }: Partial<FlagValues>): readonly string[] {
  if (nodeId === undefined || enableTopology !== true || isLabelValue(nodeId)) return [];
  return [
    `--nodeid: ${JSON.stringify(nodeId)} is not a valid topology segment; it must have at most 63 letters, ` +
      'digits, dashes, dots and underscores, and begin and end with a letter or digit; use another id, ' +
      'or --enable-topology=false',
  ];
}

function pageConflicts(values: Partial<FlagValues>): readonly string[] {
  const isServed = !('httpEndpoint' in values) || values.httpEndpoint !== undefined;
  return values.statusPage && !isServed
    ? ['--status-page needs --http-endpoint, where the page is served']
    : [];
}

interface PoolFlags {
  readonly stateDir?: string | undefined;
  readonly pools?: readonly PoolLocation[] | undefined;
  readonly capacities?: readonly PoolCapacity[] | undefined;
}

/** Duplicate names, and pools whose paths overlap. Symbolic links are not resolved. */
export function poolConflicts({ stateDir, pools = [], capacities = [] }: PoolFlags): readonly string[] {
  return [
    ...duplicateNames(pools).map((name) => `--pool: duplicate name ${JSON.stringify(name)}`),
    ...pools.flatMap((pool, index) => [
      ...(stateDir === undefined ? [] : overlap(pool, 'the state directory', stateDir)),
      ...pools
        .slice(0, index)
        // A duplicate name is already reported.
        .filter((other) => other.name !== pool.name)
        .flatMap((other) => overlap(pool, `pool ${JSON.stringify(other.name)}`, other.path)),
    ]),
    ...duplicateNames(capacities).map((name) => `--capacity: duplicate name ${JSON.stringify(name)}`),
  ];
}

function duplicateNames(items: readonly { readonly name: string }[]): readonly string[] {
  const names = items.map(({ name }) => name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function overlap({ name, path }: PoolLocation, other: string, otherPath: string): readonly string[] {
  const found = overlapOf(path, other, otherPath);
  return found === undefined ? [] : [`--pool: ${JSON.stringify(name)} at ${JSON.stringify(path)} ${found}`];
}

/** A proxy that forwards calls to itself. A path may be written in several ways; symbolic links are not resolved. */
function proxyConflicts({ endpoint, proxyEndpoint }: Partial<FlagValues>): readonly string[] {
  if (endpoint === undefined || proxyEndpoint === undefined) return [];
  if (canonicalText(endpoint) !== canonicalText(proxyEndpoint)) return [];
  const text = JSON.stringify(formatEndpoint(proxyEndpoint));
  return [`--proxy-endpoint: ${text} is the same as --endpoint; the proxy would forward calls to itself`];
}

function canonicalText(endpoint: Endpoint): string {
  return formatEndpoint(endpoint.kind === 'unix' ? { ...endpoint, path: resolve(endpoint.path) } : endpoint);
}
