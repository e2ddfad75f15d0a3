import { basename, dirname } from 'node:path';
import { inodeStatus } from '../../kernel/calls/inode-status.ts';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { RootOwnership } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';
import type { Location } from '../../model/state/locations.ts';
import { checkOutsidePools } from './source-path.ts';
import { mountsUsing } from './users-of.ts';

const PERMISSIONS = 0o7777;

/** Data outside every pool that may become a volume. */
export interface Source {
  readonly path: string;
  readonly kind: 'directory' | 'file';
  readonly inode: bigint;
  readonly device: string;
  readonly root: RootOwnership;
  /** Of a file. */
  readonly sizeBytes: bigint;
  /** What a file takes on disk. */
  readonly allocatedBytes: bigint;
  /** How many hard links it has. */
  readonly names: number;
  /** As in `Location`: the same for all mounts, and on btrfs all subvolumes, of a file system. */
  readonly fileSystem: string;
}

/**
 * Finds the data at a path, without following symbolic links.
 * @param path as returned by `sourcePath`
 * @returns undefined if nothing is there
 * @throws VolumeError invalid: it is in or above a pool or in a volume, a symbolic link, or neither directory nor file;
 *   precondition: something is mounted there, or it is attached to a loop device
 */
export async function findSource(
  parts: Parts<'catalogue' | 'host'>,
  path: string,
): Promise<Source | undefined> {
  checkOutsidePools(path, parts.catalogue.pools.all);
  const state = await parts.host.paths.inspect(path);
  switch (state.kind) {
    case 'absent':
      return undefined;
    case 'symlink':
      throw refusal('invalid', path, 'is a symbolic link; name what it leads to');
    case 'other':
      throw refusal('invalid', path, 'is neither a directory nor a file');
    case 'mounted':
      throw refusal('precondition', path, 'is a mount point; unmount it, or name a directory in it');
    case 'unreadable':
      throw refusal('precondition', path, state.why);
  }
  const { fileSystem } = await checkUnused(parts, path);
  return withPath(path, (fd) => {
    const { type, inode, device, allocatedBytes } = statusOf(fd);
    const { uid, gid, mode, sizeBytes, names } = inodeStatus(fd);
    const root = { uid, gid, mode: mode & PERMISSIONS };
    const kind = type === 'directory' ? 'directory' : 'file';
    return { path, kind, inode, device, root, sizeBytes, allocatedBytes, names, fileSystem };
  });
}

/** @throws VolumeError invalid: it is part of a pool or a volume; precondition: it is in use */
async function checkUnused(
  { catalogue, host }: Parts<'catalogue' | 'host'>,
  path: string,
): Promise<Location> {
  const location = await locationOf(host, path);
  const mount = await host.mountIndex.withId(location.mountId);
  if (mount) throw refusal('invalid', path, `is in volume ${quote(mount.volumeId)}`);
  for (const { name, path: poolPath } of catalogue.pools.all) {
    const pool = await host.locations.locate(poolPath);
    if (!pool || pool.fileSystem !== location.fileSystem) continue;
    if (isWithin(location.path, pool.path))
      throw refusal('invalid', path, `is a part of pool ${quote(name)}`);
    if (isWithin(pool.path, location.path)) throw refusal('invalid', path, `contains pool ${quote(name)}`);
  }
  const [use] = await mountsUsing(location);
  if (use !== undefined) throw refusal('precondition', path, `is in use: ${use}`);
  const attached = (await host.devices.list()).find(({ file }) => isWithin(file, path));
  if (attached) {
    const what = attached.file === path ? 'it' : attached.file;
    throw refusal('precondition', path, `is in use: ${what} is attached to ${attached.path}`);
  }
  return location;
}

/** Where it lies, by its directory: a file does not name its mount. */
async function locationOf(
  host: Parts<'host'>['host'],
  path: string,
): Promise<Location & { readonly mountId: number }> {
  const parent = dirname(path);
  const state = await host.paths.inspect(parent);
  const mountId = 'mountId' in state ? state.mountId : undefined;
  const location = mountId === undefined ? undefined : await host.locations.inMount(mountId, parent);
  if (mountId === undefined || !location)
    throw new VolumeError('unavailable', `cannot find the mount that contains ${quote(parent)}; retry later`);
  const { path: parentPath, fileSystem } = location;
  return { fileSystem, path: `${parentPath === '/' ? '' : parentPath}/${basename(path)}`, mountId };
}

function refusal(kind: 'invalid' | 'precondition', path: string, why: string): VolumeError {
  return new VolumeError(kind, `${quote(path)} ${why}`);
}
