import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { quote, VolumeError } from '../volume/errors.ts';
import { PoolMistake, UnreachablePoolError } from './pool-errors.ts';
import type { PoolLayout } from './pool-layout.ts';
import { DamagedFileError, type PoolMarker, type RememberedPool, readMarker } from './pool-marker.ts';
import type { PoolPlace, PoolRegistry } from './pool-registry.ts';
import { storageError } from './storage-error.ts';

/** The marker of the pool in a directory, undefined where a pool may be made. */
export async function recognise(
  name: string,
  layout: PoolLayout,
  fileSystem: string,
  registry: PoolRegistry,
): Promise<PoolMarker | undefined> {
  const found = await readMarker(layout.marker);
  const before = await (found ? registry.find(name) : registry.findAt({ name, path: layout.root }));
  if (!before) {
    if (!found) await checkFree(layout);
    return found;
  }
  if (found?.poolId === before.poolId && fileSystem === before.fileSystem) return found;
  const what = found
    ? `the marker of ${found.poolId === before.poolId ? 'it' : `another pool (${found.poolId})`}`
    : 'no marker';
  throw unreachable(name, `${layout.root} has ${what} on file system ${fileSystem}`, before, registry);
}

/**
 * A directory that is neither empty nor a pool holds somebody's files; nothing is made among them. The metadata
 * alone is a pool whose making was cut short, since the marker is durable before anything else is there.
 */
async function checkFree({ root, metadata }: PoolLayout): Promise<void> {
  const entries = await readdir(root);
  const others = entries.filter((entry) => entry !== 'lost+found' && join(root, entry) !== metadata);
  if (others.length === 0) return;
  const shown = `${others.slice(0, 3).map(quote).join(', ')}${others.length > 3 ? ', …' : ''}`;
  throw new PoolMistake(`${root} is neither empty nor a pool of this driver: it holds ${shown}`);
}

export function unreachable(
  name: string,
  what: string,
  before: RememberedPool,
  registry: PoolRegistry,
): UnreachablePoolError {
  return new UnreachablePoolError(
    `pool ${quote(name)} is not reachable: ${what}, where ${registry.path} remembers pool ${before.poolId} on ${before.fileSystem}: is its disk mounted?`,
    before,
  );
}

/** A pool that is remembered and whose disk answers with errors cannot be reached; others are served meanwhile. */
export async function asUnreachable(
  error: unknown,
  { name, path }: PoolPlace,
  registry: PoolRegistry,
): Promise<unknown> {
  if (error instanceof UnreachablePoolError) return error;
  const reason = storageError(error, name, path);
  if (!(reason instanceof VolumeError || reason instanceof DamagedFileError)) return error;
  const before = await registry.find(name).catch(() => undefined);
  if (!before) return error;
  return new UnreachablePoolError(reason.message, before, { cause: error });
}
