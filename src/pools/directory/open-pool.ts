import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../kernel/calls/statfs.ts';
import { type FileStatus, statusOf } from '../../kernel/calls/statx.ts';
import { isResourceShortage, retry } from '../../kernel/calls/transient-error.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { syncPath } from '../../records/durable-file.ts';
import { kindDirectories, type PoolLayout, poolLayout } from '../../records/pool-layout.ts';
import { RecordReserve } from '../../records/record-reserve.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { isUnwritableError, makeDirectory, makeLayout } from './make-layout.ts';
import { PoolConfigError } from './pool-errors.ts';
import { lockPool, type PoolLock } from './pool-lock.ts';
import { type PoolMarker, type RememberedPool, writeMarker } from './pool-marker.ts';
import { type PoolConfig, PoolRegistry } from './pool-registry.ts';
import { findRoot } from './pool-root.ts';
import { openError, recognise } from './recognise-pool.ts';

/** A pool's directory, locked by this process, with its layout in place. */
export interface OpenPool {
  readonly name: string;
  readonly id: string;
  readonly layout: PoolLayout;
  /** The file system that it is on, from `fileSystemIdentity`. */
  readonly fileSystem: string;
  /**
   * While the lock is held, a file is open on the pool's file system, so only a lazy unmount succeeds (EBUSY
   * otherwise). This is intended: stop the driver before removing a disk.
   */
  readonly lock: PoolLock;
  /**
   * What a process that died left in `.incoming` and `.outgoing`: unfinished volumes, and volumes whose removal had
   * begun. Remove them in the background; they may be large.
   */
  readonly leftovers: readonly string[];
  /**
   * @throws VolumeError unavailable: another directory or file system is now at the path of the pool or of one of its
   *   object directories
   */
  checkReachable(): Promise<void>;
}

/**
 * Opens a pool: recognises or creates it, locks it, and lists what a process that died left half-built. Opening a
 * complete pool writes nothing, so that a full or read-only disk can be served. May be called again after a failure or
 * after the lock was released; an unreachable pool costs a few lookups. Call `checkDistinct` before the first pool, and
 * open the default pool first, since it contains the registry.
 * @throws UnreachablePoolError the pool is remembered, and cannot be opened at its path
 * @throws PoolMistake there can be no pool at this path, and there never was one
 * @throws VolumeError unavailable: a new pool cannot be created now
 */
export async function openPool(
  config: PoolConfig,
  registry: PoolRegistry,
  lockTimeoutMs: number,
): Promise<OpenPool> {
  try {
    const root = await findRoot(config, registry);
    return await withPath(root, (fd) =>
      openRoot({ name: config.name, path: root }, fd, registry, lockTimeoutMs),
    );
  } catch (error) {
    throw await openError(error, config, registry);
  }
}

/** Opens the pool in the state directory, as `openPool` does. */
export function openStatePool(name: string, stateDir: string, lockTimeoutMs: number): Promise<OpenPool> {
  return openPool({ name, path: stateDir }, new PoolRegistry(stateDir), lockTimeoutMs);
}

/** @param fd the open root, so that its disk cannot be unmounted between a check and what follows it */
async function openRoot(
  { name, path }: PoolConfig,
  fd: number,
  registry: PoolRegistry,
  lockTimeoutMs: number,
): Promise<OpenPool> {
  const opened = statusOf(fd);
  if (opened.type !== 'directory') throw new PoolConfigError(`${path} is not a directory`);
  const layout = poolLayout(path);
  const fileSystem = fileSystemIdentity(await fileSystemOf(fd));
  // Before anything is created: the mount point of an unmounted disk must stay unchanged.
  await recognise(name, layout, fileSystem, registry);
  await makeDirectory(layout.metadata);
  const lock = await lockPool(layout, lockTimeoutMs);
  try {
    // Again, since another driver may have created the pool while this one waited for the lock.
    if (name === defaultPoolName) await registry.read();
    const { marker, isRemembered } = await recognise(name, layout, fileSystem, registry);
    const { poolId } = await makeLayout(
      layout,
      marker ?? (await makeMarker(layout, fileSystem)),
      isRemembered,
    );
    await new RecordReserve(layout.reserve).fill();
    // Last, so that a remembered pool always has its marker on disk, even after a power failure.
    await remember({ name, path, poolId, fileSystem }, registry, marker === undefined);
    const checkReachable = await identityCheck(name, layout, opened);
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

/** A pool that is already known is served even if it cannot be written to the registry again. */
async function remember(pool: RememberedPool, registry: PoolRegistry, isNew: boolean): Promise<void> {
  const isState = pool.name === defaultPoolName;
  try {
    await registry.remember(pool);
  } catch (error) {
    // The state directory is next to the registry, and is recognised by its own marker.
    if (!isUnwritableError(error) || !(isState ? !isNew : registry.has(pool.poolId))) throw error;
    registry.rememberInMemory(pool);
  }
  if (!isState) return;
  const { poolId, path, fileSystem } = pool;
  try {
    await registry.stateGuard.remember({ poolId, path, fileSystem });
  } catch (error) {
    if (isNew || !isUnwritableError(error)) throw error;
  }
}

async function entriesOf(directory: string): Promise<string[]> {
  return (await retry(() => readdir(directory))).map((entry) => join(directory, entry));
}

/** Returns a check that the root and its object directories are still the ones that were opened. */
async function identityCheck(
  name: string,
  layout: PoolLayout,
  opened: FileStatus,
): Promise<() => Promise<void>> {
  const known: [path: string, status: FileStatus][] = [[layout.root, opened]];
  for (const directoryName of kindDirectories)
    known.push([layout[directoryName], await withPath(layout[directoryName], statusOf)]);
  return async () => {
    for (const [path, status] of known) await checkSame(name, path, status);
  };
}

/** The kernel reuses mount ids, so the directory itself must be the same too. */
async function checkSame(name: string, path: string, opened: FileStatus): Promise<void> {
  const now = await statusAt(name, path);
  const { mountId, device, inode } = opened;
  if (now?.mountId === mountId && now.device === device && now.inode === inode) return;
  throw new VolumeError(
    'unavailable',
    `pool ${quote(name)} is not reachable: ${path} is now another directory or file system`,
  );
}

/** @returns undefined if nothing exists at the path */
async function statusAt(name: string, path: string): Promise<FileStatus | undefined> {
  try {
    // Only a shortage is retried; an error of the disk is reported at once.
    return await retry(() => withPath(path, statusOf), isResourceShortage);
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) return undefined;
    const message = `pool ${quote(name)} is not reachable: cannot access ${path}`;
    throw new VolumeError('unavailable', message, { cause: error });
  }
}
