import { randomBytes } from 'node:crypto';
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { withPath } from '../kernel/path-handle.ts';
import { fileSystemOf } from '../kernel/statfs.ts';
import { statusOf } from '../kernel/statx.ts';
import { quote, VolumeError } from '../volume/errors.ts';
import { syncPath } from './durable-file.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { type PoolLayout, poolLayout } from './pool-layout.ts';
import { lockPool, type PoolLock } from './pool-lock.ts';
import { type PoolMarker, readMarker, readRegistry, writeMarker, writeRegistry } from './pool-marker.ts';

const DRIVER_ONLY = 0o700;

/** A pool's directory, held by this process, with its layout in place. */
export interface OpenPool {
  readonly name: string;
  readonly id: string;
  readonly layout: PoolLayout;
  readonly lock: PoolLock;
  /**
   * What a process that died has left in `.incoming` and `.outgoing`: volumes never finished, and volumes whose
   * removal had begun. To be removed in the background; they may be large.
   */
  readonly leftovers: readonly string[];
  /** @throws VolumeError unavailable: another file system is at the pool's path by now */
  checkReachable(): Promise<void>;
}

/**
 * Opens the pool in the state directory: takes its lock, recognises it or makes it, and finds what a process that
 * died has left half-built.
 * @throws Error with a sentence for the operator: locked, not empty and no pool, or not the pool it was
 */
export async function openStatePool(
  name: string,
  stateDir: string,
  lockTimeoutMs: number,
): Promise<OpenPool> {
  await mkdir(stateDir, { recursive: true, mode: DRIVER_ONLY });
  const layout = poolLayout(await realpath(stateDir));
  await checkUsable(layout);
  await mkdir(layout.metadata, { recursive: true, mode: DRIVER_ONLY });
  const lock = await lockPool(layout.lock, lockTimeoutMs);
  try {
    const { poolId } = await recogniseOrMake(name, layout);
    await makeLayout(layout);
    const mountId = await withPath(layout.root, (fd) => statusOf(fd).mountId);
    return {
      name,
      id: poolId,
      layout,
      lock,
      leftovers: [...(await entriesOf(layout.incoming)), ...(await entriesOf(layout.outgoing))],
      checkReachable: () => checkMount(name, layout.root, mountId),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A directory that is neither empty nor a pool holds somebody's files; nothing is made among them. */
async function checkUsable(layout: PoolLayout): Promise<void> {
  const entries = (await readdir(layout.root)).filter((entry) => entry !== 'lost+found');
  if (entries.length === 0 || entries.includes('.csi-hostpath')) return;
  throw new Error(
    `${layout.root} is neither empty nor a pool of this driver: it holds ${entries.slice(0, 3).map(quote).join(', ')}${entries.length > 3 ? ', …' : ''}`,
  );
}

async function recogniseOrMake(name: string, layout: PoolLayout): Promise<PoolMarker> {
  const fileSystem = await withPath(layout.root, async (fd) => fileSystemIdentity(await fileSystemOf(fd)));
  const remembered = await readRegistry(layout.registry);
  const before = remembered.find((pool) => pool.name === name);
  const found = await readMarker(layout.marker);
  if (before && (!found || found.poolId !== before.poolId || before.fileSystem !== fileSystem)) {
    const what = found ? `another pool (${found.poolId})` : 'no marker';
    throw new Error(
      `${layout.root} held pool ${before.poolId} on ${before.fileSystem}, and now has ${what} on ${fileSystem}: is its disk mounted?`,
    );
  }
  const marker = found ?? { poolId: randomBytes(4).toString('hex'), fileSystem };
  if (!found) await writeMarker(layout.marker, marker);
  if (!before) {
    const entry = { name, path: layout.root, poolId: marker.poolId, fileSystem };
    await writeRegistry(layout.registry, [...remembered, entry]);
  }
  return marker;
}

async function makeLayout(layout: PoolLayout): Promise<void> {
  for (const directory of [layout.volumes, layout.incoming, layout.outgoing]) {
    await mkdir(directory, { recursive: true, mode: DRIVER_ONLY });
  }
  await syncPath(layout.root);
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).map((entry) => join(directory, entry));
}

async function checkMount(name: string, root: string, mountId: number): Promise<void> {
  const now = await withPath(root, (fd) => statusOf(fd).mountId).catch(() => undefined);
  if (now === mountId) return;
  const message = `pool ${quote(name)} is not reachable: another file system is at ${root} than at start`;
  throw new VolumeError('unavailable', message);
}
