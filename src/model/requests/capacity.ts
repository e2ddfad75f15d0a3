import { invalidValue, type Subject, VolumeError } from '../errors.ts';
import { least } from './least.ts';

/** The size a request asks for, in bytes (CSI specification, CapacityRange); 0 leaves a side open. */
export interface CapacityRange {
  readonly requiredBytes: bigint;
  readonly limitBytes: bigint;
}

export const anyCapacity: CapacityRange = { requiredBytes: 0n, limitBytes: 0n };

const DEFAULT_BYTES = 1024n ** 3n;

/** @throws VolumeError invalid: a negative size, or a limit below what is required */
export function checkCapacityRange({ requiredBytes, limitBytes }: CapacityRange): void {
  if (requiredBytes < 0n) throw invalidValue('requiredBytes', requiredBytes, 'is negative');
  if (limitBytes < 0n) throw invalidValue('limitBytes', limitBytes, 'is negative');
  if (limitBytes !== 0n && limitBytes < requiredBytes) {
    const why = `is below the ${requiredBytes} that are required`;
    throw invalidValue('limitBytes', limitBytes, why);
  }
}

/**
 * The size asked for of a new volume: what is required; where nothing is, 1 GiB, or less where the limit or the driver
 * allows no more.
 * @throws VolumeError out-of-range: more than a volume may have
 */
export function newVolumeBytes(range: CapacityRange, maximumBytes: bigint): bigint {
  if (range.requiredBytes === 0n) {
    const bounds = [maximumBytes, ...(range.limitBytes === 0n ? [] : [range.limitBytes])];
    return least(DEFAULT_BYTES, ...bounds);
  }
  checkMaximumBytes(range.requiredBytes, maximumBytes);
  return range.requiredBytes;
}

// What filled its volume to the last byte may need a little more for metadata where it is copied.
const MORE_METADATA_BYTES = 1024n ** 2n;

/**
 * Checks what a copy takes up against the size of its volume: a directory that nothing held may have any amount.
 * @throws VolumeError out-of-range
 */
export function checkFits(usedBytes: bigint, capacityBytes: bigint): void {
  if (usedBytes > capacityBytes + capacityBytes / 64n + MORE_METADATA_BYTES) {
    throw tooSmall('requiredBytes', capacityBytes, usedBytes);
  }
}

/**
 * The size asked for of a volume that is made from another or from a snapshot: what is required, or else what its source
 * has.
 * @throws VolumeError out-of-range: less than the source has, or more than a volume may have
 */
export function copiedVolumeBytes(range: CapacityRange, sourceBytes: bigint, maximumBytes: bigint): bigint {
  const { requiredBytes, limitBytes } = range;
  if (requiredBytes !== 0n && requiredBytes < sourceBytes)
    throw tooSmall('requiredBytes', requiredBytes, sourceBytes);
  if (limitBytes !== 0n && limitBytes < sourceBytes) throw tooSmall('limitBytes', limitBytes, sourceBytes);
  const bytes = requiredBytes === 0n ? sourceBytes : requiredBytes;
  checkMaximumBytes(bytes, maximumBytes);
  return bytes;
}

function tooSmall(about: Subject, bytes: bigint, sourceBytes: bigint): VolumeError {
  const message = `${bytes} bytes cannot hold the content source, which has ${sourceBytes}`;
  return new VolumeError('out-of-range', message, { about });
}

function checkMaximumBytes(bytes: bigint, maximumBytes: bigint): void {
  if (bytes <= maximumBytes) return;
  const message = `${bytes} bytes are more than a volume may have, ${maximumBytes} bytes (--max-volume-size)`;
  throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
}

/** The sizes that volumes of one kind can have, in bytes: multiples of the unit, from the minimum on. */
export interface SizeSteps {
  readonly minimumBytes: bigint;
  readonly unitBytes: bigint;
}

/** The smallest of these sizes that is no less than `bytes`. */
export function leastSize(bytes: bigint, { minimumBytes, unitBytes }: SizeSteps): bigint {
  return roundUp(bytes < minimumBytes ? minimumBytes : bytes, unitBytes);
}

/**
 * The size a volume gets, of those that its kind can have: the next one from `bytes` on. Where nothing is required, it may
 * also be the one before.
 * @param bytes within the range
 * @throws VolumeError out-of-range: the range, or the largest size there may be, leaves none
 */
export function sizeInRange(
  range: CapacityRange,
  bytes: bigint,
  steps: SizeSteps,
  maximumBytes: bigint,
): bigint {
  const size = leastSize(bytes, steps);
  const { requiredBytes, limitBytes } = range;
  if (size <= maximumBytes && (limitBytes === 0n || size <= limitBytes)) return size;
  const before = bytes - (bytes % steps.unitBytes);
  if (requiredBytes === 0n && before >= steps.minimumBytes) return before;
  checkMaximumBytes(size, maximumBytes);
  const why =
    steps.minimumBytes > steps.unitBytes && bytes < steps.minimumBytes
      ? `the file system needs ${steps.minimumBytes}`
      : `the required bytes are rounded up to whole sectors of ${steps.unitBytes} bytes, which makes ${size}`;
  const message = `${limitBytes} bytes are too few; ${why}`;
  throw new VolumeError('out-of-range', message, { about: 'limitBytes' });
}

/**
 * Whether a volume of this size is what the range asks for.
 * @param unitBytes of its kind: drivers before this one recorded what was asked for, and made the volume whole units. A
 *   limit counts as rounded up, so that such a volume still fits the request that it was made for.
 */
export function fitsRange(sizeBytes: bigint, range: CapacityRange, unitBytes = 1n): boolean {
  const { requiredBytes, limitBytes } = range;
  return sizeBytes >= requiredBytes && (limitBytes === 0n || sizeBytes <= roundUp(limitBytes, unitBytes));
}

function roundUp(bytes: bigint, unitBytes: bigint): bigint {
  return ((bytes + unitBytes - 1n) / unitBytes) * unitBytes;
}

export const SECTOR_BYTES = 512n;

/** A device has whole sectors; the last one is never cut off. */
export function wholeSectors(bytes: bigint): bigint {
  return roundUp(bytes, SECTOR_BYTES);
}
