import { readdirSync, unlinkSync } from 'node:fs';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { ioctl } from '../calls/ioctl.ts';
import { readMountinfo } from '../mounts/mountinfo.ts';
import { isAttached, type LoopDevice, loopNamed } from './loop-list.ts';

/**
 * Which loop devices are given to files. The numbers are the driver's own, and each is used once: a container keeps the
 * node of a device that it had, and may detach the device, so whoever got the same number next would share its volume
 * (docs/decisions/0033-numbers-of-loop-devices.md).
 *
 * The kernel remembers which number is next, for all drivers on the node and as long as it runs: it is that of the device
 * with the highest number, which is attached to nothing and was never given away.
 */

const LOOP_CTL_ADD = { name: 'LOOP_CTL_ADD', number: 0x4c80 };
const LOOP_CTL_REMOVE = { name: 'LOOP_CTL_REMOVE', number: 0x4c81 };

/** Other programs take the lowest number that is free. */
const FIRST = 4096;
/** A minor number has 20 bits. */
const LAST = 2 ** 20 - 1;
// How many of the devices to be used again are looked at; each look is a system call.
const LOOKED_AT = 8;
const SWEEP_EVERY = 64;
/** The root of a mount that is the node of a device, which may be removed. */
const boundNode = /\/(loop\d+)(?:\/\/deleted)?$/;

/** Devices that only this process has had a node of, by number: they may be used again, and wait in turn. */
const unshared: number[] = [];
/** What is not to be removed, although it is attached to nothing. */
const inHand = new Set<number>();
let takenCount = 0;

/**
 * Lends a device that is attached to nothing, and that nobody else has a node of.
 * @param isShared whether others get its node; otherwise it is used again later
 * @param use resolves once the device is attached, and rejects where it was not
 */
export async function withUnusedLoop<T>(
  isShared: boolean,
  use: (device: LoopDevice) => Promise<T>,
): Promise<T> {
  const index = (isShared ? undefined : takeUnshared()) ?? (await takeNext());
  inHand.add(index);
  try {
    const result = await use(loopNamed(nameOf(index)));
    if (!isShared) unshared.push(index);
    return result;
  } finally {
    inHand.delete(index);
  }
}

/** Others get the node of a device from now on, so that its number is not used again. */
export function shareLoop(device: LoopDevice): void {
  const place = unshared.indexOf(indexOf(device));
  if (place !== -1) unshared.splice(place, 1);
}

/**
 * Removes a device that is attached to nothing any more, and was shared; others stay. It takes the kernel a while, and
 * nothing waits for it. What is open somewhere stays until another time.
 */
export function removeIfShared(device: LoopDevice): void {
  const index = indexOf(device);
  if (index >= FIRST && !unshared.includes(index)) void removeUnused(index);
}

function takeUnshared(): number | undefined {
  for (let count = Math.min(LOOKED_AT, unshared.length); count > 0; count--) {
    const index = unshared.shift();
    if (index === undefined) return undefined;
    if (!isAttached(nameOf(index))) return index;
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
    else if (next >= LAST) return takeGap(new Set(indexes));
    // Where others have added it, they have taken the one before.
    else if (await add(next + 1)) return next;
  }
}

/** When every number has been used once, those come again that no path has the node of. */
async function takeGap(indexes: ReadonlySet<number>): Promise<number> {
  const bound = new Set((await readMountinfo()).map(({ root }) => boundNode.exec(root)?.[1]));
  for (let index = FIRST; index < LAST; index++) {
    if (!indexes.has(index) && !bound.has(nameOf(index)) && (await add(index))) return index;
  }
  throw new Error(`every loop device from ${nameOf(FIRST)} to ${nameOf(LAST)} is in use`);
}

/** Removes the devices that earlier processes have left. */
function sweep(indexes: readonly number[]): void {
  const next = Math.max(...indexes);
  const kept = new Set([next, ...inHand, ...unshared]);
  for (const index of indexes) {
    if (!kept.has(index) && !isAttached(nameOf(index))) void removeUnused(index);
  }
}

/** @returns whether it was added now: it may be there already */
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
    // Where /dev is not the kernel's own, the node is the driver's.
    unlinkSync(`/dev/${nameOf(index)}`);
  } catch {
    // EBUSY: it is open somewhere, or attached again. ENODEV, ENOENT: it has gone.
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
