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
import { formatLuks } from '../../kernel/devices/luks.ts';
import { containerSettled, withContainer } from '../../kernel/devices/open-container.ts';
import { checkWritable } from '../../kernel/files/check-writable.ts';
import { isBlank, makeSparse } from '../../kernel/files/sparse-file.ts';
import { withDetachedMount } from '../../kernel/mounts/file-system-mount.ts';
import { VolumeError } from '../../model/errors.ts';
import { LUKS_HEADER_BYTES } from '../../model/objects/encryption.ts';
import type { RootOwnership } from '../../model/objects/volume.ts';
import type { ImageFormat } from '../../model/ports/devices-port.ts';
import type { FileSystemType } from '../../model/requests/file-system-options.ts';
import { makeFileSystem } from './mkfs.ts';

const closeAsync = promisify(close);

const OPEN_IMAGE = constants.O_RDWR | constants.O_NOFOLLOW;

/**
 * Makes a file system in a blank image, durably, and in an encrypted container if there is a key. It is built in a file beside
 * the image, which then replaces the image: a crash at any moment leaves a blank image or a complete one. The caller prevents
 * concurrent use.
 * @throws VolumeError precondition: the image was written before, or is attached to a loop device; it stays unchanged
 * @throws KernelError EBUSY: another program has opened its device
 */
export async function formatImage(path: string, format: ImageFormat): Promise<void> {
  const sizeBytes = await withDescriptor(path, OPEN_IMAGE, (fd) => checkBlank(fd, path));
  const newPath = `${path}.new`;
  // Left by a crash.
  await rm(newPath, { force: true });
  try {
    await makeSparse(newPath, sizeBytes);
    if (format.key) await fillEncrypted(newPath, format.key, format);
    else await fillPlain(newPath, format);
    await withDescriptor(newPath, OPEN_IMAGE, syncDescriptor);
    await rename(newPath, path);
  } catch (error) {
    await rm(newPath, { force: true });
    throw error;
  }
  unsynced.add(path);
  await syncFormatted(path);
}

async function fillPlain(path: string, { fsType, options, root }: ImageFormat): Promise<void> {
  if (fsType === undefined) return;
  await makeFileSystem(path, fsType, { options });
  await withAttached(path, (device) => prepareRoot(device, fsType, root));
}

async function fillEncrypted(
  path: string,
  key: Buffer,
  { fsType, options, root }: ImageFormat,
): Promise<void> {
  await formatLuks(path, key, LUKS_HEADER_BYTES);
  if (fsType === undefined) return;
  await withAttached(path, async (device) => {
    await withContainer(device, path, { key, allowsDiscards: false }, async (mapping) => {
      // What was never written reads as noise.
      await makeFileSystem(mapping.path, fsType, { options, isZeroed: false });
      await prepareRoot(mapping.path, fsType, root);
    });
    // The image is attached again in a moment, under its own name.
    await containerSettled(device, path);
  });
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

/** Runs `use` with the loop device of a file. */
async function withAttached(path: string, use: (device: string) => Promise<void>): Promise<void> {
  await withDescriptor(path, OPEN_IMAGE, async (imageFd) => {
    const { device, fd } = await attachLoop(imageFd, { autoclear: true });
    try {
      await use(device.path);
    } finally {
      await closeAsync(fd);
    }
    if (!(await isLoopDetached(imageFd))) throw new KernelError('close', errno.EBUSY, device.path);
  });
}

async function prepareRoot(device: string, fsType: FileSystemType, root: RootOwnership): Promise<void> {
  const spec = { device, fsType, options: [], attrSet: 0 };
  await withDetachedMount(spec, (rootFd) => setRoot(below(rootFd), root));
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
