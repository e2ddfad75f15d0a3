import { close, constants, open, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { isOpenElsewhere } from '../attributes/file-lease.ts';
import { makeNode } from '../attributes/special-file.ts';
import { encodeDevice } from '../calls/device-number.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { ioctl } from '../calls/ioctl.ts';
import { withPath } from '../calls/path-handle.ts';
import { type FileStatus, statusOf } from '../calls/statx.ts';
import { Probes } from '../process/probes.ts';
import { endOf, type LoopDevice, listLoops } from './loop-list.ts';
import { decodeLoopStatus, LOOP_STATUS_BYTES } from './loop-status.ts';

const openAsync = promisify(open);
// The last close of a device with autoclear waits for the disk, so it is done on another thread.
const closeAsync = promisify(close);

const LOOP_GET_STATUS64 = { name: 'LOOP_GET_STATUS64', number: 0x4c05 };

const NODE_MODE = constants.S_IFBLK | 0o600;
// Each device is opened briefly, and keeps its file attached during that time.
const MAX_CONCURRENT_PROBES = 16;

/** A status request makes the device ask its backing file's file system, which may hang. */
const probes = new Probes();

/**
 * The loop device of an open file, whichever process attached it and in whatever mount namespace it is used. The file is identified
 * by its device and inode; names are not reliable, since they change and a file may have several.
 *
 * Devices of other programs are avoided as far as possible (docs/decisions/0024-what-is-not-ours.md): a file that is not
 * open elsewhere has no device; devices whose backing file has the same name are asked first; and any other device that
 * answers with an error, or not at all, is taken to have another file.
 * @throws KernelError ETIMEDOUT: a device whose backing file has the same name does not answer
 */
export async function findLoop(imageFd: number): Promise<LoopDevice | undefined> {
  if (!isOpenElsewhere(imageFd)) return undefined;
  const image = statusOf(imageFd);
  const name = endOf(readlinkSync(`/proc/self/fd/${imageFd}`).replace(/ \(deleted\)$/, ''));
  const loops = listLoops();
  const named = loops.filter(({ backingPath }) => endOf(backingPath) === name);
  const device = await findAmong(imageFd, named);
  if (device) return device;
  const others = loops.filter(({ backingPath }) => endOf(backingPath) !== name);
  for (let start = 0; start < others.length; start += MAX_CONCURRENT_PROBES) {
    const batch = others.slice(start, start + MAX_CONCURRENT_PROBES);
    const results = await Promise.all(
      batch.map((loop) => hasBackingFile(loop, image).catch(falseIfTimedOut)),
    );
    const found = batch[results.indexOf(true)];
    if (found) return deviceOf(found);
  }
  return undefined;
}

/**
 * The same among devices that are likely to have the file.
 * @throws KernelError ETIMEDOUT: one of them does not answer
 */
export async function findAmong(
  imageFd: number,
  likely: readonly LoopDevice[],
): Promise<LoopDevice | undefined> {
  const image = statusOf(imageFd);
  for (const loop of likely) if (await hasBackingFile(loop, image)) return deviceOf(loop);
  return undefined;
}

function deviceOf({ path, number }: LoopDevice): LoopDevice {
  return { path, number };
}

/** A device of this image would have answered, since the image's file system has just done so. */
function falseIfTimedOut(error: unknown): false {
  if (isErrno(error, errno.ETIMEDOUT)) return false;
  throw error;
}

function hasBackingFile(device: LoopDevice, image: FileStatus): Promise<boolean> {
  return probes.run(device.path, async () => {
    const fd = await openIfAttached(device);
    if (fd === undefined) return false;
    try {
      return await isBackedBy(fd, image);
    } finally {
      await closeAsync(fd);
    }
  });
}

/**
 * Opens a device that is attached to an open file. The file stays attached while the device is open.
 * @returns a descriptor that the caller closes, or undefined if the device does not (or no longer) have that file
 */
export async function openLoop(device: LoopDevice, imageFd: number): Promise<number | undefined> {
  const image = statusOf(imageFd);
  const fd = await openIfAttached(device);
  if (fd === undefined) return undefined;
  try {
    if (await isBackedBy(fd, image)) return fd;
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
  await closeAsync(fd);
  return undefined;
}

/**
 * Opens a device that is attached to an open file, passes its descriptor to `use` and closes it.
 * @returns undefined if the device does not have that file, or has lost it
 */
export async function withLoop<T>(
  device: LoopDevice,
  imageFd: number,
  use: (fd: number) => Promise<T>,
): Promise<T | undefined> {
  const fd = await openLoop(device, imageFd);
  return fd === undefined ? undefined : use(fd).finally(() => closeAsync(fd));
}

/** Opens the node of a device. @returns undefined if it is being detached */
export async function openIfAttached(device: LoopDevice): Promise<number | undefined> {
  try {
    return await openNode(device, constants.O_RDONLY);
  } catch (error) {
    if (isErrno(error, errno.ENXIO, errno.ENODEV)) return undefined;
    throw error;
  }
}

async function isBackedBy(fd: number, image: FileStatus): Promise<boolean> {
  try {
    const { backingDevice, backingInode } = decodeLoopStatus(await readLoopStatus(fd));
    return backingDevice === image.device && backingInode === image.inode;
  } catch (error) {
    if (isErrno(error, errno.ENOMEM, errno.EINTR)) throw error;
    // The backing file lies on a failed disk, while the image's disk has just answered: so it is another file. One failed
    // disk must not make the devices of other disks unusable.
    return false;
  }
}

/** The struct loop_info64 of an open device. The kernel asks the backing file's file system for it. */
export async function readLoopStatus(fd: number): Promise<Buffer> {
  const info = Buffer.alloc(LOOP_STATUS_BYTES);
  await ioctl(fd, LOOP_GET_STATUS64, info);
  return info;
}

/**
 * Opens the node of a device, making the node if it is missing.
 * @throws KernelError or a node:fs error: ENXIO: the device is being detached; ENODEV: the node is another device's
 */
export async function openNode(device: LoopDevice, flags: number): Promise<number> {
  const fd = await openOrMake(device, flags);
  try {
    if (statusOf(fd).deviceNode === device.number) return fd;
    throw new KernelError('open', errno.ENODEV, `${device.path}, which is not device ${device.number}`);
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

async function openOrMake(device: LoopDevice, flags: number): Promise<number> {
  try {
    return await openAsync(device.path, flags);
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
  await makeLoopNode(device);
  return openAsync(device.path, flags);
}

/** A container's /dev may have only the nodes that existed when it started. */
async function makeLoopNode({ path, number }: LoopDevice): Promise<void> {
  const [major = 0, minor = 0] = number.split(':').map(Number);
  try {
    await withPath(dirname(path), (fd) =>
      makeNode(fd, Buffer.from(basename(path)), NODE_MODE, encodeDevice(major, minor)),
    );
  } catch (error) {
    if (!isErrno(error, errno.EEXIST)) throw error;
  }
}
