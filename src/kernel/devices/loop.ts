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
import { pollUntil } from '../process/poll-until.ts';
import { findLoop, openIfAttached, openNode, readLoopStatus, withLoop } from './find-loop.ts';
import { endOf, type LoopDevice, listLoops } from './loop-list.ts';
import { removeIfShared, shareLoop, withUnusedLoop } from './loop-numbers.ts';
import { decodeLoopStatus, encodeLoopConfig, loopFlag, withLoopFlags, withLoopLabel } from './loop-status.ts';

// The last close of a device with autoclear waits for the disk, so it is done on another thread.
const closeAsync = promisify(close);

const LOOP_CLR_FD = { name: 'LOOP_CLR_FD', number: 0x4c01 };
const LOOP_SET_STATUS64 = { name: 'LOOP_SET_STATUS64', number: 0x4c04 };
const LOOP_SET_CAPACITY = { name: 'LOOP_SET_CAPACITY', number: 0x4c07 };
const LOOP_CONFIGURE = { name: 'LOOP_CONFIGURE', number: 0x4c0a };

// Every file system supports it; with larger sectors, copies of an image could be unusable elsewhere.
const SECTOR_BYTES = 512;
// Each lost race means that another program got a device.
const ATTACH_ATTEMPTS = 64;

/**
 * Attaches an open file to a loop device whose node nothing else has, read-only if the file is open read-only. The caller
 * has checked that the file has no device yet (`findLoop`): two devices on one file destroy its content.
 * @param autoclear detaches the file automatically once the device is neither open nor mounted, also after a kill.
 *   Without it, the device's node is assumed to be shared with others, and its number is not reused
 * @returns the device and an open descriptor of it, which the caller closes once something else keeps the device open
 */
export function attachLoop(
  imageFd: number,
  { autoclear }: { autoclear: boolean },
): Promise<{ device: LoopDevice; fd: number }> {
  // The device keeps the open file it is given. If that were the caller's, `findLoop` would not see it as open elsewhere.
  return withDescriptor(below(imageFd), accessModeOf(imageFd), (fd) => attachOwn(fd, autoclear));
}

/** @param imageFd an open file that only the device will keep using */
async function attachOwn(imageFd: number, autoclear: boolean): Promise<{ device: LoopDevice; fd: number }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withUnusedLoop(!autoclear, async (device) => {
        const fd = await attachTo(device, imageFd, autoclear ? loopFlag.autoclear : 0);
        return { device, fd };
      });
    } catch (error) {
      // Another program has taken or removed the device.
      const isTaken = isErrno(error, errno.EBUSY, errno.ENOENT, errno.ENXIO, errno.ENODEV);
      if (attempt === ATTACH_ATTEMPTS || !isTaken) throw error;
    }
  }
}

async function attachTo(device: LoopDevice, imageFd: number, flags: number): Promise<number> {
  const fd = await openNode(device, constants.O_RDWR);
  try {
    await configure(fd, imageFd, flags);
    // The previous user's BLKROSET flag outlives the attachment; a read-only file has a separate flag.
    await setBlockReadOnly(fd, false);
    return fd;
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

async function configure(fd: number, imageFd: number, flags: number): Promise<void> {
  if (!(await supportsDirectIo(imageFd))) {
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags));
    return;
  }
  try {
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags | loopFlag.directIo));
  } catch (error) {
    // If the file system lacks direct I/O, most kernels ignore the flag; the others refuse it.
    if (!isErrno(error, errno.EINVAL, errno.EOPNOTSUPP)) throw error;
    await ioctl(fd, LOOP_CONFIGURE, encodeLoopConfig(imageFd, SECTOR_BYTES, flags));
  }
}

/**
 * On btrfs each direct write becomes its own extent, of 1.25 MiB at most, and copying a file takes longer the more extents
 * it has. Kernels before 6.15 also report data that changes during a direct write as corrupt.
 */
async function supportsDirectIo(imageFd: number): Promise<boolean> {
  return (await fileSystemOf(imageFd)).magic !== BTRFS_MAGIC;
}

/**
 * Sets whether an open device detaches its file automatically. Without autoclear its node is assumed to be shared, as in
 * `attachLoop`.
 */
export async function setAutoclear(device: LoopDevice, fd: number, autoclear: boolean): Promise<void> {
  if (!autoclear) shareLoop(device);
  const info = await readLoopStatus(fd);
  const { flags } = decodeLoopStatus(info);
  const wanted = autoclear ? flags | loopFlag.autoclear : flags & ~loopFlag.autoclear;
  if (wanted !== flags) await ioctl(fd, LOOP_SET_STATUS64, withLoopFlags(info, wanted));
}

/**
 * The label of an open file's device. It lasts as long as the file is attached, even if this process ends.
 * @returns undefined if the file has no device
 */
export function loopLabel(device: LoopDevice, imageFd: number): Promise<string | undefined> {
  return withLoop(device, imageFd, async (fd) => decodeLoopStatus(await readLoopStatus(fd)).label);
}

/** Sets the label of an open file's device; does nothing if the file has no device. */
export async function setLoopLabel(device: LoopDevice, imageFd: number, label: string): Promise<void> {
  await withLoop(device, imageFd, async (fd) =>
    ioctl(fd, LOOP_SET_STATUS64, withLoopLabel(await readLoopStatus(fd), label)),
  );
}

/** Makes an open file's device pick up the file's larger size; does nothing if the file has no device. */
export async function refreshLoopSize(device: LoopDevice, imageFd: number): Promise<void> {
  await withLoop(device, imageFd, (fd) => ioctl(fd, LOOP_SET_CAPACITY, 0));
}

/**
 * Detaches a device from an open file. The kernel also returns 0 if the device is open, or mounted in another namespace,
 * and then detaches it later; so the result is checked.
 * @returns false if the device is still in use
 */
export async function detachLoop(device: LoopDevice, imageFd: number): Promise<boolean> {
  await withLoop(device, imageFd, clear);
  const isGone = await isLoopDetached(imageFd);
  if (isGone) await cleanUpDetached(device);
  return isGone;
}

/** Leaves a detached device in the state that other programs expect. */
async function cleanUpDetached(device: LoopDevice): Promise<void> {
  await clearReadOnly(device);
  removeIfShared(device);
}

/** Clears the BLKROSET flag, which the device's next user would inherit and few expect. */
async function clearReadOnly(device: LoopDevice): Promise<void> {
  const fd = await openIfAttached(device);
  if (fd === undefined) return;
  try {
    // If the device has no file, nothing else runs between this check and the call.
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

/** The loop devices of removed files that were at a path; the end of its name is all that identifies them. */
export function loopsOfRemoved(path: string): LoopDevice[] {
  return listLoops()
    .filter((loop) => loop.isBackingRemoved && endOf(loop.backingPath) === endOf(path))
    .map(({ path, number }) => ({ path, number }));
}

/**
 * Like `detachLoop`, for a removed file.
 * @returns false if its device is still in use
 */
export async function detachRemoved(path: string): Promise<boolean> {
  const devices = loopsOfRemoved(path);
  for (const device of devices) {
    const fd = await openIfAttached(device);
    if (fd === undefined) continue;
    try {
      // An open device keeps its file; before it was opened, it may have been given another.
      if (loopsOfRemoved(path).some((loop) => loop.path === device.path)) await clear(fd);
    } finally {
      await closeAsync(fd);
    }
  }
  const areGone = await pollUntil(async () => loopsOfRemoved(path).length === 0);
  if (areGone) for (const device of devices) await cleanUpDetached(device);
  return areGone;
}

/** Whether an open file has no loop device, or loses it shortly. */
export function isLoopDetached(imageFd: number): Promise<boolean> {
  return pollUntil(async () => (await findLoop(imageFd)) === undefined);
}
