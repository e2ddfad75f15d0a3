import { min } from './bigint.ts';
import { parseQuantityBytes } from './quantity.ts';

/** The part of a disk that is never promised to volumes: bytes, or a share of the disk in hundredths of a percent. */
export type DiskReserve = { readonly bytes: bigint } | { readonly percentHundredths: bigint };

export const noReserve: DiskReserve = { bytes: 0n };

const WHOLE = 10_000n;

/**
 * Parses a percentage from 0 % to 99.99 % with at most two decimals (`10%`, `2.5%`), or a size (`50Gi`).
 * @throws Error that quotes the text if it is neither, is negative or is too large
 */
export function parseDiskReserve(text: string): DiskReserve {
  const [, whole, decimals = ''] = /^(\d{1,2})(?:\.(\d{1,2}))?%$/.exec(text) ?? [];
  if (whole !== undefined) return { percentHundredths: BigInt(whole + decimals.padEnd(2, '0')) };
  if (text.endsWith('%')) {
    const problem = 'must be a percentage from 0% to 99.99% with at most two decimals';
    throw new Error(`${JSON.stringify(text)} ${problem}, or a size such as 50Gi`);
  }
  return { bytes: parseQuantityBytes(text) };
}

/** The bytes that are kept free on a disk of this size, rounded up; at most all of it. */
export function reservedBytesOf(reserve: DiskReserve, diskBytes: bigint): bigint {
  if ('bytes' in reserve) return min(diskBytes, reserve.bytes);
  return (diskBytes * reserve.percentHundredths + WHOLE - 1n) / WHOLE;
}
