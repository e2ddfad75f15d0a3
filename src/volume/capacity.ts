import { invalidField, VolumeError } from './errors.ts';

/** The size a request asks for, in bytes (CSI specification, CapacityRange); 0 leaves a side open. */
export interface CapacityRange {
  readonly requiredBytes: bigint;
  readonly limitBytes: bigint;
}

export const anyCapacity: CapacityRange = { requiredBytes: 0n, limitBytes: 0n };

const DEFAULT_BYTES = 1024n ** 3n;

/** @throws VolumeError invalid: a negative size, or a limit below what is required */
export function checkCapacityRange({ requiredBytes, limitBytes }: CapacityRange): void {
  if (requiredBytes < 0n) throw invalidField('capacity_range.required_bytes', requiredBytes, 'is negative');
  if (limitBytes < 0n) throw invalidField('capacity_range.limit_bytes', limitBytes, 'is negative');
  if (limitBytes !== 0n && limitBytes < requiredBytes) {
    const why = `is below capacity_range.required_bytes ${requiredBytes}`;
    throw invalidField('capacity_range.limit_bytes', limitBytes, why);
  }
}

/**
 * The size of a new volume: what is required, to the byte; where nothing is, 1 GiB, or less where the
 * limit or the driver allows no more.
 * @throws VolumeError out-of-range: more than a volume may have
 */
export function newVolumeBytes(range: CapacityRange, maximumBytes: bigint): bigint {
  if (range.requiredBytes === 0n) {
    const bounds = [DEFAULT_BYTES, maximumBytes, ...(range.limitBytes === 0n ? [] : [range.limitBytes])];
    return bounds.reduce((one, other) => (one < other ? one : other));
  }
  if (range.requiredBytes > maximumBytes) {
    throw new VolumeError(
      'out-of-range',
      `capacity_range.required_bytes: ${range.requiredBytes} bytes are more than a volume may have, ${maximumBytes} bytes (--max-volume-size)`,
    );
  }
  return range.requiredBytes;
}

/** Whether a volume of this size is what the range asks for. */
export function fitsRange(sizeBytes: bigint, range: CapacityRange): boolean {
  return sizeBytes >= range.requiredBytes && (range.limitBytes === 0n || sizeBytes <= range.limitBytes);
}
