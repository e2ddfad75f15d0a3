import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { type FileStatus, statusOf } from '../../kernel/calls/statx.ts';
import { isResourceShortage, retry } from '../../kernel/calls/transient-error.ts';
import { type MountEntry, readMountinfo } from '../../kernel/mounts/mountinfo.ts';
import { Probes } from '../../kernel/process/probes.ts';
import { quote } from '../../model/errors.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';
import { poolLayout } from '../../records/pool-layout.ts';
import { PoolConfigError } from './pool-errors.ts';
import { type PoolMarker, readMarker } from './pool-marker.ts';
import type { PoolConfig } from './pool-registry.ts';

/** The actual location of a pool, as far as it can be determined now. */
interface ResolvedPool extends PoolConfig {
  /** With symbolic links resolved, as far as the path exists. */
  readonly realPath: string;
  /** The part of the path that does not exist yet. */
  readonly missing: string;
  /** Of the nearest existing directory. */
  readonly status: FileStatus;
  /** The path inside its file system, which bind mounts do not change; undefined if mountinfo does not list it. */
  readonly pathInFileSystem: string | undefined;
  readonly marker: PoolMarker | undefined;
}

/**
 * Checks that no pool is inside, above or a copy of another one. Changes nothing. Call it before opening the first
 * pool, and again before opening one that was unreachable. Pools whose disk does not answer are not checked.
 * @throws PoolMistake naming both pools
 */
export async function checkDistinct(configs: readonly PoolConfig[]): Promise<void> {
  const mounts = await retry(async () => readMountinfo());
  const resolved = await Promise.all(configs.map((config) => resolveIfReachable(config, mounts)));
  const reachable = resolved.filter((pool) => pool !== undefined);
  for (const [index, pool] of reachable.entries()) {
    for (const other of reachable.slice(0, index)) checkPair(pool, other);
  }
}

const probes = new Probes();

async function resolveIfReachable(
  config: PoolConfig,
  mounts: readonly MountEntry[],
): Promise<ResolvedPool | undefined> {
  try {
    // Only one query of a hung disk runs at a time, and it delays no other pool.
    return await probes.run(config.path, () => retry(() => resolvePool(config, mounts), isResourceShortage));
  } catch (error) {
    // Two pools on one directory must not be missed because too many files are open.
    if (isResourceShortage(error)) throw error;
    return undefined;
  }
}

async function resolvePool(config: PoolConfig, mounts: readonly MountEntry[]): Promise<ResolvedPool> {
  const { existing, missing } = await nearestExisting(config.path);
  const status = await withPath(existing, statusOf);
  const mount = mounts.find(({ mountId }) => mountId === status.mountId);
  const isInMount = mount !== undefined && isWithin(existing, mount.path);
  return {
    ...config,
    realPath: join(existing, missing),
    missing,
    status,
    pathInFileSystem: isInMount ? join(mount.root, existing.slice(mount.path.length), missing) : undefined,
    // Opening the pool reports an unreadable marker.
    marker: await readMarker(poolLayout(existing).marker).catch((error: unknown) => {
      if (isResourceShortage(error)) throw error;
      return undefined;
    }),
  };
}

/** The real path of the nearest existing ancestor of a path, and the part below it that is missing. */
async function nearestExisting(path: string): Promise<{ existing: string; missing: string }> {
  let missing = '';
  for (let directory = path; ; directory = dirname(directory)) {
    const existing = await realpath(directory).catch((error: unknown) => {
      if (isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) return undefined;
      throw error;
    });
    if (existing !== undefined) return { existing, missing };
    missing = join(basename(directory), missing);
  }
}

function checkPair(one: ResolvedPool, other: ResolvedPool): void {
  const [first, second] = [
    `pool ${quote(one.name)} at ${one.path}`,
    `pool ${quote(other.name)} at ${other.path}`,
  ];
  if (isSame(one, other)) throw new PoolConfigError(`${first} is the same directory as ${second}`);
  if (liesIn(one, other)) throw new PoolConfigError(`${first} is inside ${second}`);
  if (liesIn(other, one)) throw new PoolConfigError(`${second} is inside ${first}`);
  const id = one.missing === '' && other.missing === '' ? one.marker?.poolId : undefined;
  if (id !== undefined && id === other.marker?.poolId) {
    throw new PoolConfigError(
      `${first} and ${second} are both marked as pool ${id}: one is a copy of the other`,
    );
  }
}

function isSame(one: ResolvedPool, other: ResolvedPool): boolean {
  return isOneFile(one, other) && one.missing === other.missing;
}

function liesIn(one: ResolvedPool, other: ResolvedPool): boolean {
  if (isWithin(one.realPath, other.realPath)) return true;
  const [inner, outer] = [one.pathInFileSystem, other.pathInFileSystem];
  if (inner === undefined || outer === undefined || one.status.device !== other.status.device) return false;
  return isWithin(inner, outer);
}

function isOneFile(one: ResolvedPool, other: ResolvedPool): boolean {
  return one.status.inode === other.status.inode && one.status.device === other.status.device;
}
