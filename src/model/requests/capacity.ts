import { min } from '../../units/bigint.ts';
import { invalidValue, type Subject, VolumeError } from '../errors.ts';

/** The requested size, in bytes (CSI specification, CapacityRange); 0 leaves that bound open. */
export interface CapacityRange {
  readonly requiredBytes: bigint;
  readonly limitBytes: bigint;
}

export const anyCapacity: CapacityRange = { requiredBytes: 0n, limitBytes: 0n };

const DEFAULT_BYTES = 1024n ** 3n;

/** @throws VolumeError invalid: a negative size, or a limit below the required bytes */
export function checkCapacityRange({ requiredBytes, limitBytes }: CapacityRange): void {
  if (requiredBytes < 0n) throw invalidValue('requiredBytes', requiredBytes, 'must not be negative');
  if (limitBytes < 0n) throw invalidValue('limitBytes', limitBytes, 'must not be negative');
  if (limitBytes !== 0n && limitBytes < requiredBytes) {
    const why = `must not be less than the ${requiredBytes} required bytes`;
    throw invalidValue('limitBytes', limitBytes, why);
  }
}

/**
 * The requested size of a new volume: the required bytes; if there are none, 1 GiB, or less if the limit or the
 * driver's maximum is lower.
 * @throws VolumeError out-of-range: exceeds the maximum volume size
 */
export function newVolumeBytes(range: CapacityRange, maximumBytes: bigint): bigint {
  if (range.requiredBytes === 0n) {
    const bounds = [maximumBytes, ...(range.limitBytes === 0n ? [] : [range.limitBytes])];
    return min(DEFAULT_BYTES, ...bounds);
  }
  checkMaximumBytes(range.requiredBytes, maximumBytes);
  return range.requiredBytes;
}

// The copy of a volume that is full to the last byte may need a little more space for metadata.
const MORE_METADATA_BYTES = 1024n ** 2n;

/**
 * Checks the size of a copy against the size of its volume: a directory without an enforced capacity may have any size.
 * @throws VolumeError out-of-range
 */
export function checkFits(usedBytes: bigint, capacityBytes: bigint): void {
  if (usedBytes > capacityBytes + capacityBytes / 64n + MORE_METADATA_BYTES) {
    throw tooSmall('requiredBytes', capacityBytes, usedBytes);
  }
}

/**
 * The requested size of a volume created from another volume or a snapshot: the required bytes, or else the size of
 * its source.
 * @throws VolumeError out-of-range: less than the size of the source, or exceeds the maximum volume size
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
  const message = `${bytes} is smaller than the content source (${sourceBytes} bytes)`;
  return new VolumeError('out-of-range', message, { about });
}

function checkMaximumBytes(bytes: bigint, maximumBytes: bigint): void {
  if (bytes <= maximumBytes) return;
  const message = `${bytes} exceeds the maximum volume size of ${maximumBytes} bytes (--max-volume-size)`;
  throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
}

/** The possible sizes of volumes of one kind, in bytes: multiples of the unit, from the minimum on. */
export interface SizeSteps {
  readonly minimumBytes: bigint;
  readonly unitBytes: bigint;
}

/** The smallest of these sizes that is at least `bytes`. */
export function smallestSize(bytes: bigint, { minimumBytes, unitBytes }: SizeSteps): bigint {
  return roundUp(bytes < minimumBytes ? minimumBytes : bytes, unitBytes);
}

/**
 * The size of a new volume, among the possible sizes of its kind: the next one at or above `bytes`. If no bytes are
 * required, it may also be the one below.
 * @param bytes within the range
 * @throws VolumeError out-of-range: no possible size is within the range and the maximum size
 */
export function sizeInRange(
  range: CapacityRange,
  bytes: bigint,
  steps: SizeSteps,
  maximumBytes: bigint,
): bigint {
  const size = smallestSize(bytes, steps);
  const { requiredBytes, limitBytes } = range;
  if (size <= maximumBytes && (limitBytes === 0n || size <= limitBytes)) return size;
  const before = bytes - (bytes % steps.unitBytes);
  if (requiredBytes === 0n && before >= steps.minimumBytes) return before;
  checkMaximumBytes(size, maximumBytes);
  const why =
    steps.minimumBytes > steps.unitBytes && bytes < steps.minimumBytes
      ? `the file system needs at least ${steps.minimumBytes} bytes`
      : `the required bytes are rounded up to ${size}, a multiple of ${steps.unitBytes}`;
  const message = `${limitBytes} is too small; ${why}`;
  throw new VolumeError('out-of-range', message, { about: 'limitBytes' });
}

/**
 * Whether a volume of this size satisfies the range.
 * @param unitBytes of its kind: older drivers recorded the requested size, and rounded the volume up to whole units.
 *   A limit counts as rounded up, so that such a volume still satisfies the request that created it.
 */
export function fitsRange(sizeBytes: bigint, range: CapacityRange, unitBytes = 1n): boolean {
  const { requiredBytes, limitBytes } = range;
  return sizeBytes >= requiredBytes && (limitBytes === 0n || sizeBytes <= roundUp(limitBytes, unitBytes));
}

function roundUp(bytes: bigint, unitBytes: bigint): bigint {
  return ((bytes + unitBytes - 1n) / unitBytes) * unitBytes;
}

export const SECTOR_BYTES = 512n;

/** A device has whole sectors; the last one is never truncated. */
export function wholeSectors(bytes: bigint): bigint {
  return roundUp(bytes, SECTOR_BYTES);
}
