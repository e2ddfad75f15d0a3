import { close, constants, open, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { isOpenElsewhere } from '../attributes/file-lease.ts';
import { makeNode } from '../attributes/special-file.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { ioctl } from '../calls/ioctl.ts';
import { withPath } from '../calls/path-handle.ts';
import { type FileStatus, statusOf } from '../calls/statx.ts';
import { Looks } from '../process/looks.ts';
import { type AttachedLoop, type LoopDevice, listLoops } from './loop-list.ts';
import { decodeLoopStatus, LOOP_STATUS_BYTES } from './loop-status.ts';

const openAsync = promisify(open);
// The last one to close a device that lets its file go waits for the disk, so closing is done on another thread.
const closeAsync = promisify(close);

const LOOP_GET_STATUS64 = { name: 'LOOP_GET_STATUS64', number: 0x4c05 };

const NODE_MODE = constants.S_IFBLK | 0o600;
// Each is opened for a moment, and meanwhile keeps its file.
const ASKED_AT_ONCE = 16;

/** A device asks its file's own file system, which may hang. */
const looks = new Looks();

/**
 * The loop device of an open file, whoever attached it and in whatever mount namespace it is used. The file is recognised
 * by its device and inode; names say nothing for certain, they change, and a file may have several.
 *
 * Devices of somebody else are left alone as far as possible (docs/decisions/0024-what-is-not-ours.md): a file that is open
 * nowhere has no device; the one whose file is called like this one is asked first; and what another device answers in
 * error, or does not answer, means that its file is another.
 * @throws KernelError ETIMEDOUT: the device of a file that is called like this one does not answer
 */
export async function findLoop(imageFd: number): Promise<LoopDevice | undefined> {
  if (!isOpenElsewhere(imageFd)) return undefined;
  const image = statusOf(imageFd);
  const name = lastNames(readlinkSync(`/proc/self/fd/${imageFd}`).replace(/ \(deleted\)$/, ''));
  const loops = listLoops();
  for (const loop of loops.filter(({ backingPath }) => lastNames(backingPath) === name)) {
    if (await isAttached(loop, image)) return deviceOf(loop);
  }
  const others = loops.filter(({ backingPath }) => lastNames(backingPath) !== name);
  for (let start = 0; start < others.length; start += ASKED_AT_ONCE) {
    const asked = others.slice(start, start + ASKED_AT_ONCE);
    const answers = await Promise.all(asked.map((loop) => isAttached(loop, image).catch(falseIfUnanswered)));
    const found = asked[answers.indexOf(true)];
    if (found) return deviceOf(found);
  }
  return undefined;
}

function deviceOf({ path, number }: AttachedLoop): LoopDevice {
  return { path, number };
}

/** The directory and the name of a file. The id of a volume is in the first, so no two volumes have the same. */
function lastNames(path: string): string {
  return path.split('/').slice(-2).join('/');
}

/** On the file system of the image, which has just been looked at, it would have answered. */
function falseIfUnanswered(error: unknown): false {
  if (isErrno(error, errno.ETIMEDOUT)) return false;
  throw error;
}

function isAttached(device: LoopDevice, image: FileStatus): Promise<boolean> {
  return looks.at(device.path, async () => {
    const fd = await openIfAttached(device);
    if (fd === undefined) return false;
    try {
      return await hasFile(fd, image);
    } finally {
      await closeAsync(fd);
    }
  });
}

/**
 * Opens a device that is attached to an open file. While it is open the file stays attached.
 * @returns a descriptor that the caller closes, or undefined when the device does not have that file (any more)
 */
export async function openLoop(device: LoopDevice, imageFd: number): Promise<number | undefined> {
  const image = statusOf(imageFd);
  const fd = await openIfAttached(device);
  if (fd === undefined) return undefined;
  try {
    if (await hasFile(fd, image)) return fd;
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
  await closeAsync(fd);
  return undefined;
}

/** Opens the node of a device. @returns undefined when it is being detached */
export async function openIfAttached(device: LoopDevice): Promise<number | undefined> {
  try {
    return await openNode(device, constants.O_RDONLY);
  } catch (error) {
    if (isErrno(error, errno.ENXIO, errno.ENODEV)) return undefined;
    throw error;
  }
}

async function hasFile(fd: number, image: FileStatus): Promise<boolean> {
  try {
    const { backingDevice, backingInode } = decodeLoopStatus(await readLoopStatus(fd));
    return backingDevice === image.device && backingInode === image.inode;
  } catch (error) {
    if (isErrno(error, errno.ENOMEM, errno.EINTR)) throw error;
    // Its file lies on a disk that has failed, where that of the image has just been looked at: it is another's, and the
    // devices of one disk must not be lost with those of another.
    return false;
  }
}

/** The struct loop_info64 of an open device. It asks the file system that the file lies on. */
export async function readLoopStatus(fd: number): Promise<Buffer> {
  const info = Buffer.alloc(LOOP_STATUS_BYTES);
  await ioctl(fd, LOOP_GET_STATUS64, info);
  return info;
}

/**
 * Opens the node of a device, which is made where it is missing.
 * @throws KernelError or a node:fs error: ENXIO: the device is being detached; ENODEV: the node is another device's
 */
export async function openNode(device: LoopDevice, flags: number): Promise<number> {
  const fd = await openOrMake(device, flags);
  if (statusOf(fd).deviceNode === device.number) return fd;
  await closeAsync(fd);
  throw new KernelError('open', errno.ENODEV, `${device.path}, which is not ${device.number}`);
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

/** In a container /dev may have only the nodes that were there when it started. */
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

/** As mknod(2) takes it: the minor number lies around the major one. */
function encodeDevice(major: number, minor: number): bigint {
  const [low, high] = [minor & 0xff, minor & ~0xff];
  return (BigInt(high) << 12n) | BigInt((major << 8) | low);
}
