import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../kernel/calls/statfs.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { retry } from '../../kernel/calls/transient-error.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { syncPath } from '../../records/durable-file.ts';
import { type PoolLayout, poolLayout } from '../../records/pool-layout.ts';
import { RecordReserve } from '../../records/record-reserve.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { isUnwritableError, makeDirectory, makeLayout } from './make-layout.ts';
import { PoolDirectories } from './pool-directories.ts';
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
  const held = await lockPool(layout, lockTimeoutMs);
  let directories: PoolDirectories | undefined;
  const lock = {
    async release() {
      directories?.close();
      directories = undefined;
      await held.release();
    },
  };
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
    const kept = await PoolDirectories.open(name, layout, opened);
    directories = kept;
    await kept.check();
    const leftovers = [...(await entriesOf(layout.incoming)), ...(await entriesOf(layout.outgoing))];
    return { name, id: poolId, layout, fileSystem, lock, leftovers, checkReachable: () => kept.check() };
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
