import { describe, expect, test } from 'vitest';
import { noReserve, parseDiskReserve, reservedBytesOf } from '../../../src/units/disk-reserve.ts';

describe('the reserve of a disk', () => {
  test.each([
    ['10%', 1000n, 100n],
    ['0%', 1000n, 0n],
    ['2.5%', 1000n, 25n],
    ['99.99%', 10_000n, 9999n],
    ['1%', 1n, 1n],
    ['10%', 0n, 0n],
    ['300', 1000n, 300n],
    ['1Ki', 1000n, 1000n],
    ['0', 1000n, 0n],
  ])('%s of %d bytes is %d bytes', (text, diskBytes, bytes) => {
    expect(reservedBytesOf(parseDiskReserve(text), diskBytes)).toBe(bytes);
  });

  test.each(['100%', '-1%', '10 %', '1.234%', '%', '.5%'])('is not %s', (text) => {
    expect(() => parseDiskReserve(text)).toThrow(`"${text}" must be a percentage`);
  });

  test.each(['', 'ten', '10 Gi', '-1'])('is not %j', (text) => {
    expect(() => parseDiskReserve(text)).toThrow(JSON.stringify(text));
  });

  test('is nothing by default', () => {
    expect(reservedBytesOf(noReserve, 1000n)).toBe(0n);
  });
});
