import { invalidValue, type Subject, VolumeError } from './errors.ts';
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
 * The size of a new volume: what is required, to the byte; where nothing is, 1 GiB, or less where the
 * limit or the driver allows no more.
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
 * The size of a volume that is made from another or from a snapshot: what is required, or else what its source has.
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

/**
 * Checks the size of a new volume against the smallest that its file system can have.
 * @throws VolumeError out-of-range
 */
export function checkMinimumBytes(range: CapacityRange, sizeBytes: bigint, minimumBytes: bigint): void {
  if (sizeBytes >= minimumBytes) return;
  const message = `${sizeBytes} bytes are too few; the file system needs ${minimumBytes}`;
  const about = range.requiredBytes === 0n && range.limitBytes > 0n ? 'limitBytes' : 'requiredBytes';
  throw new VolumeError('out-of-range', message, { about });
}

/** Whether a volume of this size is what the range asks for. */
export function fitsRange(sizeBytes: bigint, range: CapacityRange): boolean {
  return sizeBytes >= range.requiredBytes && (range.limitBytes === 0n || sizeBytes <= range.limitBytes);
}

const SECTOR_BYTES = 512n;

/** A device has whole sectors; the last one is never cut off. */
export function wholeSectors(bytes: bigint): bigint {
  return ((bytes + SECTOR_BYTES - 1n) / SECTOR_BYTES) * SECTOR_BYTES;
}
