import { close, constants } from 'node:fs';
import { chmod, chown, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { syncDescriptor, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { errno, isErrno, KernelError } from '../../kernel/calls/errno.ts';
import { below } from '../../kernel/calls/path-handle.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { findLoop } from '../../kernel/devices/find-loop.ts';
import { attachLoop, isLoopDetached } from '../../kernel/devices/loop.ts';
import { checkWritable } from '../../kernel/files/check-writable.ts';
import { isBlank, makeSparse } from '../../kernel/files/sparse-file.ts';
import { withDetachedMount } from '../../kernel/mounts/file-system-mount.ts';
import { VolumeError } from '../../model/errors.ts';
import type { RootOwnership } from '../../model/objects/volume.ts';
import type { FileSystemType } from '../../model/requests/file-system-options.ts';
import { makeFileSystem } from './mkfs.ts';

const closeAsync = promisify(close);

const OPEN_IMAGE = constants.O_RDWR | constants.O_NOFOLLOW;

/** An image to be formatted. */
export interface FormatSpec {
  readonly path: string;
  readonly fsType: FileSystemType;
  /** Options of its mkfs program, which `parseMkfsOptions` accepts. */
  readonly options?: string | undefined;
  /** The owner and mode of the file system's root directory. */
  readonly root: RootOwnership;
}

/**
 * Makes a file system in a blank image, durably. It is built in a file beside the image, which then replaces the image:
 * a crash at any moment leaves a blank image or a complete file system. The caller prevents concurrent use.
 * @throws VolumeError precondition: the image was written before, or is attached to a loop device; it stays unchanged
 * @throws KernelError EBUSY: another program has opened its device
 */
export async function formatImage({ path, fsType, options, root }: FormatSpec): Promise<void> {
  const sizeBytes = await withDescriptor(path, OPEN_IMAGE, (fd) => checkBlank(fd, path));
  const newPath = `${path}.new`;
  // Left by a crash.
  await rm(newPath, { force: true });
  try {
    await makeSparse(newPath, sizeBytes);
    await makeFileSystem(newPath, fsType, options);
    await withDescriptor(newPath, OPEN_IMAGE, async (fd) => {
      await prepareRoot(fd, fsType, root);
      await syncDescriptor(fd);
    });
    await rename(newPath, path);
  } catch (error) {
    await rm(newPath, { force: true });
    throw error;
  }
  unsynced.add(path);
  await syncFormatted(path);
}

/** The images that have a file system, while it is unknown whether it is durable. */
const unsynced = new Set<string>();

/** Makes the file system of an image durable if `formatImage` failed to. */
export async function syncFormatted(path: string): Promise<void> {
  if (!unsynced.has(path)) return;
  await withDescriptor(dirname(path), 'r', syncDescriptor);
  await checkWritable(dirname(path));
  unsynced.delete(path);
}

function formatRefusedError(path: string, why: string): VolumeError {
  return new VolumeError('precondition', `cannot format ${path}: ${why}`);
}

async function checkBlank(fd: number, path: string): Promise<bigint> {
  const loop = await findLoop(fd);
  if (loop) throw formatRefusedError(path, `it is attached to ${loop.path}`);
  if (!(await isBlank(fd))) throw formatRefusedError(path, 'it contains data');
  return statusOf(fd).sizeBytes;
}

async function prepareRoot(imageFd: number, fsType: FileSystemType, root: RootOwnership): Promise<void> {
  const { device, fd } = await attachLoop(imageFd, { autoclear: true });
  try {
    const spec = { device: device.path, fsType, options: [], attrSet: 0 };
    await withDetachedMount(spec, (rootFd) => setRoot(below(rootFd), root));
  } finally {
    await closeAsync(fd);
  }
  if (!(await isLoopDetached(imageFd))) throw new KernelError('close', errno.EBUSY, device.path);
}

async function setRoot(path: string, { uid, gid, mode }: RootOwnership): Promise<void> {
  // e2fsck recreates it if it ever needs it; until then pods find an empty volume.
  await rmdir(join(path, 'lost+found')).catch((error: unknown) => {
    if (!isErrno(error, errno.ENOENT)) throw error;
  });
  // In this order, because changing the owner clears the set-id bits.
  await chown(path, uid, gid);
  await chmod(path, mode);
}
