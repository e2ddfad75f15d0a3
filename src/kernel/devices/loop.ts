import { close, constants } from 'node:fs';
import { promisify } from 'node:util';
import { accessModeOf } from '../attributes/file-lease.ts';
import { setBlockReadOnly } from '../calls/block-device.ts';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { ioctl } from '../calls/ioctl.ts';
import { below } from '../calls/path-handle.ts';
import { fileSystemOf } from '../calls/statfs.ts';
import { BTRFS_MAGIC } from '../file-systems/btrfs.ts';
import { eventually } from '../process/eventually.ts';
import { findLoop, openIfAttached, openLoop, openNode, readLoopStatus } from './find-loop.ts';
import { type LoopDevice, listLoops } from './loop-list.ts';
import { removeIfShared, shareLoop, withUnusedLoop } from './loop-numbers.ts';
import { decodeLoopStatus, encodeLoopConfig, loopFlag, withLoopFlags, withLoopLabel } from './loop-status.ts';

// The last one to close a device that lets its file go waits for the disk, so closing is done on another thread.
const closeAsync = promisify(close);

const LOOP_CLR_FD = { name: 'LOOP_CLR_FD', number: 0x4c01 };
const LOOP_SET_STATUS64 = { name: 'LOOP_SET_STATUS64', number: 0x4c04 };
const LOOP_SET_CAPACITY = { name: 'LOOP_SET_CAPACITY', number: 0x4c07 };
const LOOP_CONFIGURE = { name: 'LOOP_CONFIGURE', number: 0x4c0a };

// What every file system takes; larger sectors would make an image unusable where it is copied to.
const SECTOR_BYTES = 512;
// Each lost race means that somebody else got a device.
const ATTACH_ATTEMPTS = 64;

/**
 * Attaches an open file to a loop device that nobody has a node of: read-only if the file is open so. Whoever calls has made
 * sure that the file has no device yet (`findLoop`): two devices on one file destroy what is in it.
 * @param autoclear lets the file go by itself once the device is neither open nor mounted, also after a kill. Without it
 *   the device is taken for one whose node others get, and its number is not used again
 * @returns the device and an open descriptor of it, which the caller closes when something else holds the device
 */
export function attachLoop(
  imageFd: number,
  { autoclear }: { autoclear: boolean },
): Promise<{ device: LoopDevice; fd: number }> {
  // The device keeps what it is given, and `findLoop` would take that for the caller's own descriptor.
  return withDescriptor(below(imageFd), accessModeOf(imageFd), (fd) => attachOwn(fd, autoclear));
}

/** @param imageFd that nothing but the device goes on using */
async function attachOwn(imageFd: number, autoclear: boolean): Promise<{ device: LoopDevice; fd: number }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withUnusedLoop(!autoclear, async (device) => {
        const fd = await attachTo(device, imageFd, autoclear ? loopFlag.autoclear : 0);
        return { device, fd };
      });
    } catch (error) {
      // Somebody else has taken the device, or removed it.
      const isTaken = isErrno(error, errno.EBUSY, errno.ENOENT, errno.ENXIO, errno.ENODEV);
      if (attempt === ATTACH_ATTEMPTS || !isTaken) throw error;
    }
  }
}

async function attachTo(device: LoopDevice, imageFd: number, flags: number): Promise<number> {
  const fd = await openNode(device, constants.O_RDWR);
  try {
    await configure(fd, imageFd, flags);
    // The flag of the last user's BLKROSET outlives the attachment; that of a read-only file is another one.
    await setBlockReadOnly(fd, false);
    return fd;
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

async function configure(fd: number, imageFd: number, flags: number): Promise<void> {
  if (!(await takesDirectIo(imageFd))) {
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags));
    return;
  }
  try {
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags | loopFlag.directIo));
  } catch (error) {
    // Most kernels ignore the flag where the file system has no direct I/O; the others refuse it.
    if (!isErrno(error, errno.EINVAL, errno.EOPNOTSUPP)) throw error;
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags));
  }
}

/**
 * On btrfs each direct write becomes an extent of its own, of 1.25 MiB at most, and a copy of the file takes as long as it
 * has extents. Kernels before 6.15 also take for damage what changes while it is written directly.
 */
async function takesDirectIo(imageFd: number): Promise<boolean> {
  return (await fileSystemOf(imageFd)).magic !== BTRFS_MAGIC;
}

/**
 * Whether an open device lets its file go by itself, from now on. One that does not is taken for one whose node others
 * get, as by `attachLoop`.
 */
export async function setAutoclear(device: LoopDevice, fd: number, autoclear: boolean): Promise<void> {
  if (!autoclear) shareLoop(device);
  const info = await readLoopStatus(fd);
  const { flags } = decodeLoopStatus(info);
  const wanted = autoclear ? flags | loopFlag.autoclear : flags & ~loopFlag.autoclear;
  if (wanted !== flags) await ioctl(fd, LOOP_SET_STATUS64, withLoopFlags(info, wanted));
}

/**
 * The label of the device of an open file. It lasts as long as the file is attached, whatever becomes of this process.
 * @returns undefined when the file has no device
 */
export async function loopLabel(device: LoopDevice, imageFd: number): Promise<string | undefined> {
  const fd = await openLoop(device, imageFd);
  if (fd === undefined) return undefined;
  try {
    return decodeLoopStatus(await readLoopStatus(fd)).label;
  } finally {
    await closeAsync(fd);
  }
}

/** Gives the device of an open file another label; a file that has no device is left alone. */
export async function setLoopLabel(device: LoopDevice, imageFd: number, label: string): Promise<void> {
  const fd = await openLoop(device, imageFd);
  if (fd === undefined) return;
  try {
    await ioctl(fd, LOOP_SET_STATUS64, withLoopLabel(await readLoopStatus(fd), label));
  } finally {
    await closeAsync(fd);
  }
}

/** Lets the device of an open file see that the file has grown; a file that has no device is left alone. */
export async function refreshLoopSize(device: LoopDevice, imageFd: number): Promise<void> {
  const fd = await openLoop(device, imageFd);
  if (fd === undefined) return;
  try {
    await ioctl(fd, LOOP_SET_CAPACITY, 0);
  } finally {
    await closeAsync(fd);
  }
}

/**
 * Detaches a device from an open file. The kernel answers 0 also when the device is mounted in another namespace
 * or open somewhere, and detaches it when that ends; so it is looked at what became of it.
 * @returns false when somebody still uses it
 */
export async function detachLoop(device: LoopDevice, imageFd: number): Promise<boolean> {
  const fd = await openLoop(device, imageFd);
  if (fd !== undefined) await clear(fd).finally(() => closeAsync(fd));
  const isGone = await isLoopGone(imageFd);
  if (isGone) await leaveUnused(device);
  return isGone;
}

/** Leaves a detached device as others expect one. */
async function leaveUnused(device: LoopDevice): Promise<void> {
  await leaveWritable(device);
  removeIfShared(device);
}

/** Whoever gets a free device next finds the flag of the last BLKROSET on it, and few expect that. */
async function leaveWritable(device: LoopDevice): Promise<void> {
  const fd = await openIfAttached(device);
  if (fd === undefined) return;
  try {
    // Where it has no file, nothing else runs between seeing that and this.
    if (!listLoops().some(({ path }) => path === device.path)) await setBlockReadOnly(fd, false);
  } finally {
    await closeAsync(fd);
  }
}

async function clear(fd: number): Promise<void> {
  try {
    await ioctl(fd, LOOP_CLR_FD, 0);
  } catch (error) {
    if (!isErrno(error, errno.ENXIO)) throw error;
  }
}

/** The loop devices of files that were at a path and are removed, for which there is only the name to go by. */
export function loopsOfRemoved(path: string): LoopDevice[] {
  return listLoops()
    .filter((loop) => loop.isBackingRemoved && loop.backingPath === path)
    .map(({ path, number }) => ({ path, number }));
}

/**
 * The same as `detachLoop` for a file that is removed.
 * @returns false when somebody still uses its device
 */
export async function detachRemoved(path: string): Promise<boolean> {
  const devices = loopsOfRemoved(path);
  for (const device of devices) {
    const fd = await openIfAttached(device);
    if (fd === undefined) continue;
    try {
      // While it is open it keeps its file; before, it may have been given another.
      if (loopsOfRemoved(path).some((loop) => loop.path === device.path)) await clear(fd);
    } finally {
      await closeAsync(fd);
    }
  }
  const areGone = await eventually(async () => loopsOfRemoved(path).length === 0);
  if (areGone) for (const device of devices) await leaveUnused(device);
  return areGone;
}

/** Whether an open file has no loop device, or loses it in a moment. */
export function isLoopGone(imageFd: number): Promise<boolean> {
  return eventually(async () => (await findLoop(imageFd)) === undefined);
}
