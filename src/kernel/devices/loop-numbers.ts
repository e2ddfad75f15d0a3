import { readdirSync, unlinkSync } from 'node:fs';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { ioctl } from '../calls/ioctl.ts';
import { readMountinfo } from '../mounts/mountinfo.ts';
import { isLoopAttached, type LoopDevice, loopNamed } from './loop-list.ts';

/**
 * Chooses the loop devices for files. The driver uses its own range of numbers, and each number once: a container keeps
 * the node of a device that it had, and may detach the device, so the next user of the number would share its volume
 * with that container (docs/decisions/0033-numbers-of-loop-devices.md).
 *
 * The kernel holds the next number, for all drivers on the node and until it reboots: the device with the highest number
 * is not attached and was never used.
 */

const LOOP_CTL_ADD = { name: 'LOOP_CTL_ADD', number: 0x4c80 };
const LOOP_CTL_REMOVE = { name: 'LOOP_CTL_REMOVE', number: 0x4c81 };

/** Other programs take the lowest free number. */
const FIRST = 4096;
/** A minor number has 20 bits. */
const LAST = 2 ** 20 - 1;
// How many reusable devices are checked; each check is a system call.
const MAX_REUSE_CHECKS = 8;
const SWEEP_EVERY = 64;
/** The root of a bind mount of a device node, which may have been removed. */
const boundNode = /\/(loop\d+)(?:\/\/deleted)?$/;

/** Devices whose node only this process has had, by number: reusable, in queue order. */
const unshared: number[] = [];
/** Devices that must not be removed although they are not attached. */
const inUse = new Set<number>();
let takenCount = 0;

/**
 * Passes `use` a device that is not attached and whose node nothing else has.
 * @param isShared whether others get the node; if not, the device is reused later
 * @param use resolves once the device is attached, and rejects if it was not
 */
export async function withUnusedLoop<T>(
  isShared: boolean,
  use: (device: LoopDevice) => Promise<T>,
): Promise<T> {
  const index = (isShared ? undefined : takeUnshared()) ?? (await takeNext());
  inUse.add(index);
  try {
    const result = await use(loopNamed(nameOf(index)));
    if (!isShared) unshared.push(index);
    return result;
  } finally {
    inUse.delete(index);
  }
}

/** Marks a device whose node others get from now on, so that its number is not reused. */
export function shareLoop(device: LoopDevice): void {
  const position = unshared.indexOf(indexOf(device));
  if (position !== -1) unshared.splice(position, 1);
}

/**
 * Removes a shared device that is no longer attached; others stay. The kernel takes some time for it, and the caller does
 * not wait. A device that is still open stays until a later sweep.
 */
export function removeIfShared(device: LoopDevice): void {
  const index = indexOf(device);
  if (index >= FIRST && !unshared.includes(index)) void removeUnused(index);
}

function takeUnshared(): number | undefined {
  for (let count = Math.min(MAX_REUSE_CHECKS, unshared.length); count > 0; count--) {
    const index = unshared.shift();
    if (index === undefined) return undefined;
    if (!isLoopAttached(nameOf(index))) return index;
    unshared.push(index);
  }
  return undefined;
}

async function takeNext(): Promise<number> {
  for (;;) {
    const indexes = ownIndexes();
    if (takenCount++ % SWEEP_EVERY === 0) sweep(indexes);
    const next = indexes.length === 0 ? undefined : Math.max(...indexes);
    if (next === undefined) await add(FIRST);
    else if (next >= LAST) return takeFreeNumber(new Set(indexes));
    // If another driver has added it, that driver has taken the one before.
    else if (await add(next + 1)) return next;
  }
}

/** Once every number has been used, reuses numbers whose node is not bind-mounted anywhere. */
async function takeFreeNumber(indexes: ReadonlySet<number>): Promise<number> {
  const bound = new Set(readMountinfo().map(({ root }) => boundNode.exec(root)?.[1]));
  for (let index = FIRST; index < LAST; index++) {
    if (!indexes.has(index) && !bound.has(nameOf(index)) && (await add(index))) return index;
  }
  throw new Error(`all loop devices from ${nameOf(FIRST)} to ${nameOf(LAST)} are in use`);
}

/** Removes devices that earlier processes left. */
function sweep(indexes: readonly number[]): void {
  const next = Math.max(...indexes);
  const kept = new Set([next, ...inUse, ...unshared]);
  for (const index of indexes) {
    if (!kept.has(index) && !isLoopAttached(nameOf(index))) void removeUnused(index);
  }
}

/** @returns whether this call added it; it may have existed */
async function add(index: number): Promise<boolean> {
  try {
    await control(LOOP_CTL_ADD, index);
    return true;
  } catch (error) {
    if (isErrno(error, errno.EEXIST)) return false;
    throw error;
  }
}

async function removeUnused(index: number): Promise<void> {
  try {
    await control(LOOP_CTL_REMOVE, index);
    // If /dev is not devtmpfs, the driver made the node itself.
    unlinkSync(`/dev/${nameOf(index)}`);
  } catch {
    // EBUSY: it is open somewhere, or attached again. ENODEV, ENOENT: it is gone.
  }
}

function control(request: { name: string; number: number }, index: number): Promise<number> {
  return withDescriptor('/dev/loop-control', 'r+', (fd) => ioctl(fd, request, index));
}

function ownIndexes(): number[] {
  return readdirSync('/sys/block')
    .map((name) => Number(/^loop(\d+)$/.exec(name)?.[1] ?? -1))
    .filter((index) => index >= FIRST && index <= LAST);
}

function nameOf(index: number): string {
  return `loop${index}`;
}

function indexOf({ path }: LoopDevice): number {
  return Number(/\d+$/.exec(path)?.[0]);
}
