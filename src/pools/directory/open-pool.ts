import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { isScarcity, retried } from '../../kernel/calls/passing-error.ts';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../kernel/calls/statfs.ts';
import { type FileStatus, statusOf } from '../../kernel/calls/statx.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { syncPath } from '../../records/durable-file.ts';
import { homes, type PoolLayout, poolLayout } from '../../records/pool-layout.ts';
import { RecordReserve } from '../../records/record-reserve.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { makeDirectory, makeLayout, takesNoWrites } from './make-layout.ts';
import { PoolMistake } from './pool-errors.ts';
import { lockPool, type PoolLock } from './pool-lock.ts';
import { type PoolMarker, type RememberedPool, writeMarker } from './pool-marker.ts';
import { type PoolPlace, PoolRegistry } from './pool-registry.ts';
import { findRoot } from './pool-root.ts';
import { openingError, recognise } from './recognise-pool.ts';

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
  /**
   * @throws VolumeError unavailable: another directory or file system is at the pool's path by now, or at that of its
   *   volumes or snapshots
   */
  checkReachable(): Promise<void>;
}

/**
 * Opens a pool: recognises it or makes it, takes its lock, and finds what a process that died has left half-built.
 * A pool that is complete is opened without a write, so that a full or read-only disk is served. May be repeated when
 * it failed, and after the lock was released; what cannot be reached costs a few look-ups. The default pool, which has
 * the registry in it, is opened first, and `checkDistinct` comes before all.
 * @throws UnreachablePoolError the pool is remembered, and cannot be opened at its path
 * @throws PoolMistake there can be no pool at this path, and never was
 * @throws VolumeError unavailable: a pool that is new cannot be made now
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
    throw await openingError(error, place, registry);
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
  const lock = await lockPool(layout, lockTimeoutMs);
  try {
    // Once more, since another driver may have made the pool while this one waited.
    if (name === defaultPoolName) await registry.read();
    const { marker, isRemembered } = await recognise(name, layout, fileSystem, registry);
    const { poolId } = await makeLayout(
      layout,
      marker ?? (await makeMarker(layout, fileSystem)),
      isRemembered,
    );
    await new RecordReserve(layout.reserve).fill();
    // Last, so that what is remembered has its marker on disk, whenever the power fails.
    await remember({ name, path, poolId, fileSystem }, registry, marker === undefined);
    const checkReachable = await sameness(name, layout, opened);
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

/** A pool that was used before is served although it cannot be written down again, where it is known already. */
async function remember(pool: RememberedPool, registry: PoolRegistry, isNew: boolean): Promise<void> {
  const isState = pool.name === defaultPoolName;
  try {
    await registry.remember(pool);
  } catch (error) {
    // The state directory lies beside the list, and is recognised by its own marker.
    if (!takesNoWrites(error) || !(isState ? !isNew : registry.knows(pool.poolId))) throw error;
    registry.assume(pool);
  }
  if (!isState) return;
  const { poolId, path, fileSystem } = pool;
  try {
    await registry.stateGuard.remember({ poolId, path, fileSystem });
  } catch (error) {
    if (isNew || !takesNoWrites(error)) throw error;
  }
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await retried(() => readdir(directory))).map((entry) => join(directory, entry));
}

/** A check that the root and the directories in it are those that were opened. */
async function sameness(name: string, layout: PoolLayout, opened: FileStatus): Promise<() => Promise<void>> {
  const known: [path: string, status: FileStatus][] = [[layout.root, opened]];
  for (const home of homes) known.push([layout[home], await withPath(layout[home], statusOf)]);
  return async () => {
    for (const [path, status] of known) await checkSame(name, path, status);
  };
}

/** The kernel gives the id of a mount that is gone out again, so the directory must be the same one too. */
async function checkSame(name: string, path: string, opened: FileStatus): Promise<void> {
  const now = await statusAt(name, path);
  const { mountId, device, inode } = opened;
  if (now?.mountId === mountId && now.device === device && now.inode === inode) return;
  throw new VolumeError(
    'unavailable',
    `pool ${quote(name)} is not reachable: another directory or file system is at ${path} than was opened`,
  );
}

/** @returns undefined where nothing is at the path */
async function statusAt(name: string, path: string): Promise<FileStatus | undefined> {
  try {
    // A disk that does not answer is told at once.
    return await retried(() => withPath(path, statusOf), isScarcity);
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) return undefined;
    const message = `pool ${quote(name)} is not reachable: ${path} cannot be looked at`;
    throw new VolumeError('unavailable', message, { cause: error });
  }
}
