import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  anyCapacity,
  checkCapacityRange,
  copiedVolumeBytes,
  fitsRange,
  newVolumeBytes,
  sizeInRange,
} from '../../../src/model/requests/capacity.ts';

const GiB = 1024n ** 3n;
const range = (requiredBytes: bigint, limitBytes = 0n) => ({ requiredBytes, limitBytes });

test.each([[anyCapacity], [range(1n)], [range(0n, 1n)], [range(5n, 5n)], [range(2n ** 63n - 1n)]])(
  'a satisfiable range is accepted: %o',
  (given) => {
    expect(() => checkCapacityRange(given)).not.toThrow();
  },
);

test.each([
  ['requiredBytes', range(-1n)],
  ['limitBytes', range(0n, -1n)],
  ['limitBytes', range(6n, 5n)],
])('an impossible range is invalid because of %s', (about, given) => {
  expect(() => checkCapacityRange(given)).toThrow(expect.objectContaining({ kind: 'invalid', about }));
});

test.each([
  ['the required size', range(12_345n), 12_345n],
  ['the required size, not the limit', range(10n, 20n), 10n],
  ['1 GiB without a required size', anyCapacity, GiB],
  ['1 GiB if the limit is above it', range(0n, 2n * GiB), GiB],
  ['the limit if it is below 1 GiB', range(0n, 5n), 5n],
  ['the maximum size', range(4n * GiB), 4n * GiB],
])('a new volume has %s', (_, given, sizeBytes) => {
  expect(newVolumeBytes(given, 4n * GiB)).toBe(sizeBytes);
});

test('a new volume without a required size never exceeds the maximum', () => {
  expect(newVolumeBytes(anyCapacity, 7n)).toBe(7n);
});

test('a volume above the maximum is out of range, and the flag for that is named', () => {
  expect(() => newVolumeBytes(range(4n * GiB + 1n), 4n * GiB)).toThrow(
    expect.objectContaining({ kind: 'out-of-range', message: expect.stringContaining('--max-volume-size') }),
  );
});

test('the size of a new volume fits its requested range', () => {
  const bytes = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const given = one <= other ? range(one, other) : range(one);
      expect(fitsRange(newVolumeBytes(given, 2n ** 63n), given)).toBe(true);
    }),
  );
});

test.each([
  [10n, anyCapacity, true],
  [10n, range(10n, 10n), true],
  [10n, range(11n), false],
  [10n, range(0n, 9n), false],
])('a volume of %s bytes and the range %o: %s', (sizeBytes, given, fits) => {
  expect(fitsRange(sizeBytes, given)).toBe(fits);
});

describe('a volume from a source of 10 bytes', () => {
  test.each([
    ['the size of its source by default', anyCapacity, 10n],
    ['the size of its source if the limit is above it', range(0n, 20n), 10n],
    ['the size of its source if exactly that is required', range(10n, 10n), 10n],
    ['a larger size if that is required', range(15n, 20n), 15n],
    ['the maximum size', range(100n), 100n],
  ])('has %s', (_, given, sizeBytes) => {
    expect(copiedVolumeBytes(given, 10n, 100n)).toBe(sizeBytes);
  });

  test.each([
    ['requiredBytes', '9 is smaller than the content source (10 bytes)', range(9n, 20n)],
    ['limitBytes', '9 is smaller than the content source (10 bytes)', range(0n, 9n)],
    ['requiredBytes', '101 exceeds the maximum volume size of 100 bytes (--max-volume-size)', range(101n)],
  ])('is out of range because of %s: %s', (about, message, given) => {
    expect(() => copiedVolumeBytes(given, 10n, 100n)).toThrow(
      expect.objectContaining({ kind: 'out-of-range', about, message }),
    );
  });

  test('cannot be made if its source exceeds the current maximum', () => {
    expect(() => copiedVolumeBytes(anyCapacity, 10n, 9n)).toThrow(
      expect.objectContaining({
        kind: 'out-of-range',
        message: expect.stringContaining('--max-volume-size'),
      }),
    );
  });
});

test('the size of a copy fits its requested range, and holds its source', () => {
  const bytes = fc.bigInt({ min: 0n, max: 100n });
  fc.assert(
    fc.property(bytes, bytes, bytes, (requiredBytes, more, sourceBytes) => {
      const given = range(requiredBytes, more === 0n ? 0n : requiredBytes + more);
      const fits = [given.requiredBytes, given.limitBytes].every(
        (each) => each === 0n || each >= sourceBytes,
      );
      if (!fits) {
        expect(() => copiedVolumeBytes(given, sourceBytes, 1000n)).toThrow();
        return;
      }
      const made = copiedVolumeBytes(given, sourceBytes, 1000n);
      expect(made >= sourceBytes && fitsRange(made, given)).toBe(true);
    }),
  );
});

describe('with sizes from 1024 bytes on, in steps of 512, a volume has', () => {
  const steps = { minimumBytes: 1024n, unitBytes: 512n };

  test.each([
    ['the minimum if less is required', range(1n), 1024n],
    ['the minimum if the limit is exactly that', range(1n, 1024n), 1024n],
    ['the required size if it is a multiple', range(1536n, 1536n), 1536n],
    ['the next multiple if it is not', range(1025n, 1536n), 1536n],
    ['the last multiple below the limit without a required size', range(0n, 2000n), 1536n],
  ])('%s', (_, given, size) => {
    expect(sizeInRange(given, newVolumeBytes(given, GiB), steps, GiB)).toBe(size);
  });

  test.each([
    ['limitBytes', '1023 is too small; the file system needs at least 1024 bytes', range(1n, 1023n)],
    ['limitBytes', '1023 is too small; the file system needs at least 1024 bytes', range(0n, 1023n)],
    [
      'limitBytes',
      '1535 is too small; the required bytes are rounded up to 1536, a multiple of 512',
      range(1025n, 1535n),
    ],
    [
      'requiredBytes',
      '10240 exceeds the maximum volume size of 10000 bytes (--max-volume-size)',
      range(9999n),
    ],
  ])('no possible size because of %s: %s', (about, message, given) => {
    expect(() => sizeInRange(given, newVolumeBytes(given, 10_000n), steps, 10_000n)).toThrow(
      expect.objectContaining({ kind: 'out-of-range', about, message }),
    );
  });

  test('the largest one if no size is required and the maximum is between two', () => {
    expect(sizeInRange(anyCapacity, newVolumeBytes(anyCapacity, 2000n), steps, 2000n)).toBe(1536n);
  });
});

test('a size in range is a valid one, and fits the range', () => {
  const bytes = fc.bigInt({ min: 0n, max: 5000n });
  const units = fc.bigInt({ min: 1n, max: 512n });
  fc.assert(
    fc.property(
      bytes,
      bytes,
      units,
      fc.bigInt({ min: 1n, max: 8n }),
      (requiredBytes, more, unitBytes, count) => {
        const given = range(requiredBytes, more === 0n ? 0n : requiredBytes + more);
        const steps = { minimumBytes: unitBytes * count, unitBytes };
        const sizes = Array.from({ length: 12_000 }, (_, size) => BigInt(size)).filter(
          (size) => size >= steps.minimumBytes && size % unitBytes === 0n && fitsRange(size, given),
        );
        const size = () => sizeInRange(given, newVolumeBytes(given, 10_000n), steps, 10_000n);
        if (sizes.every((each) => each > 10_000n)) expect(size).toThrow(/is too small|exceeds the maximum/);
        else expect(sizes).toContain(size());
      },
    ),
    { numRuns: 50 },
  );
});

test('a volume that was recorded in whole units still fits its original limit', () => {
  expect(fitsRange(1024n, range(1000n, 1000n), 512n)).toBe(true);
  expect(fitsRange(1536n, range(1000n, 1000n), 512n)).toBe(false);
});
