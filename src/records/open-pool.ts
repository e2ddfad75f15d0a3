import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/errno.ts';
import { withPath } from '../kernel/path-handle.ts';
import { fileSystemOf } from '../kernel/statfs.ts';
import { type FileStatus, statusOf } from '../kernel/statx.ts';
import { quote, VolumeError } from '../volume/errors.ts';
import { defaultPoolName } from '../volume/pool.ts';
import { syncPath } from './durable-file.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { PoolMistake } from './pool-errors.ts';
import { driverOnlyMode, type PoolLayout, poolLayout } from './pool-layout.ts';
import { lockPool, type PoolLock } from './pool-lock.ts';
import { type PoolMarker, writeMarker } from './pool-marker.ts';
import { type PoolPlace, PoolRegistry } from './pool-registry.ts';
import { findRoot } from './pool-root.ts';
import { asUnreachable, recognise } from './recognise-pool.ts';

/** A pool's directory, held by this process, with its layout in place. */
export interface OpenPool {
  readonly name: string;
  readonly id: string;
  readonly layout: PoolLayout;
  /** The file system it lies on, as `fileSystemIdentity` tells it. */
  readonly fileSystem: string;
  /**
   * While it is held, the pool's file system has an open file, so its disk cannot be unmounted (EBUSY) except
   * lazily. That is accepted: a disk is taken from under a driver by stopping the driver.
   */
  readonly lock: PoolLock;
  /**
   * What a process that died has left in `.incoming` and `.outgoing`: volumes never finished, and volumes whose
   * removal had begun. To be removed in the background; they may be large.
   */
  readonly leftovers: readonly string[];
  /** @throws VolumeError unavailable: another directory or file system is at the pool's path by now */
  checkReachable(): Promise<void>;
}

/**
 * Opens a pool: recognises it or makes it, takes its lock, and finds what a process that died has left half-built.
 * May be repeated when it failed, and after the lock was released; what cannot be reached costs a few look-ups. The
 * default pool, which has the registry in it, is opened first, and `checkDistinct` comes before all.
 * @throws UnreachablePoolError the pool is remembered, and it is not what is at its path; nothing was made there
 * @throws PoolMistake there can be no pool at this path
 * @throws Error another driver holds the lock after `lockTimeoutMs`, or a file cannot be understood
 */
export async function openPool(
  place: PoolPlace,
  registry: PoolRegistry,
  lockTimeoutMs: number,
): Promise<OpenPool> {
  try {
    const root = await findRoot(place, registry);
    return await withPath(root, (fd) =>
      openRoot({ name: place.name, path: root }, fd, registry, lockTimeoutMs),
    );
  } catch (error) {
    throw await asUnreachable(error, place, registry);
  }
}

/** Opens the pool in the state directory, as `openPool` does. */
export function openStatePool(name: string, stateDir: string, lockTimeoutMs: number): Promise<OpenPool> {
  return openPool({ name, path: stateDir }, new PoolRegistry(stateDir), lockTimeoutMs);
}

/** @param fd the root, open, so that its disk cannot be unmounted between a look and what is done after it */
async function openRoot(
  { name, path }: PoolPlace,
  fd: number,
  registry: PoolRegistry,
  lockTimeoutMs: number,
): Promise<OpenPool> {
  const opened = statusOf(fd);
  if (opened.type !== 'directory') throw new PoolMistake(`${path} is not a directory`);
  const layout = poolLayout(path);
  const fileSystem = fileSystemIdentity(await fileSystemOf(fd));
  // Before anything is made: the mount point of a disk that is not mounted stays as it is.
  await recognise(name, layout, fileSystem, registry);
  await makeDirectory(layout.metadata);
  const lock = await lockPool(layout.lock, lockTimeoutMs);
  try {
    // Once more, since another driver may have made the pool while this one waited.
    if (name === defaultPoolName) await registry.read();
    const found = await recognise(name, layout, fileSystem, registry);
    const { poolId } = found ?? (await makeMarker(layout, fileSystem));
    await makeLayout(layout);
    // Last, so that what is remembered has its marker on disk, whenever the power fails.
    await registry.remember({ name, path, poolId, fileSystem });
    const checkReachable = () => checkSame(name, path, opened);
    await checkReachable();
    const leftovers = [...(await entriesOf(layout.incoming)), ...(await entriesOf(layout.outgoing))];
    return { name, id: poolId, layout, fileSystem, lock, leftovers, checkReachable };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function makeMarker(layout: PoolLayout, fileSystem: string): Promise<PoolMarker> {
  const marker = { poolId: randomBytes(4).toString('hex'), fileSystem };
  await writeMarker(layout.marker, marker);
  await syncPath(layout.root);
  return marker;
}

async function makeLayout(layout: PoolLayout): Promise<void> {
  const { volumes, snapshots, groups, retained, incoming, outgoing, frozen, metadata, root } = layout;
  const all = [volumes, snapshots, groups, retained, incoming, outgoing, frozen];
  for (const path of all) await makeDirectory(path);
  await Promise.all([syncPath(root), syncPath(metadata)]);
}

/** Makes one directory where it is missing, and no parents, which are there unless somebody has removed them. */
async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: driverOnlyMode }).catch((error: unknown) => {
    if (!isErrno(error, errno.EEXIST)) throw error;
  });
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).map((entry) => join(directory, entry));
}

/** The kernel gives the id of a mount that is gone out again, so the directory must be the same one too. */
async function checkSame(name: string, root: string, opened: FileStatus): Promise<void> {
  const now = await withPath(root, statusOf).catch(() => undefined);
  const { mountId, device, inode } = opened;
  if (now?.mountId === mountId && now.device === device && now.inode === inode) return;
  throw new VolumeError(
    'unavailable',
    `pool ${quote(name)} is not reachable: another directory or file system is at ${root} than was opened`,
  );
}
