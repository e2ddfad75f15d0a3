import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestSizeBytes, parseQuantityBytes } from '../../../src/units/quantity.ts';

const bytesPerSuffix: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 10n ** 3n,
  M: 10n ** 6n,
  G: 10n ** 9n,
  T: 10n ** 12n,
  P: 10n ** 15n,
  E: 10n ** 18n,
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};

describe('parseQuantityBytes', () => {
  it('reads every integer with every suffix exactly', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.entries(bytesPerSuffix)),
        fc.bigInt(0n, largestSizeBytes),
        ([suffix, unitBytes], size) => {
          const count = size / unitBytes;
          expect(parseQuantityBytes(`${count}${suffix}`)).toBe(count * unitBytes);
        },
      ),
    );
  });

  it('rounds every decimal fraction up to whole bytes', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 6n), fc.nat(999), (whole, thousandths) => {
        const exactThousandths = (whole * 1000n + BigInt(thousandths)) * 1024n;
        const roundedUp = exactThousandths / 1000n + (exactThousandths % 1000n === 0n ? 0n : 1n);
        const text = `${whole}.${String(thousandths).padStart(3, '0')}Ki`;
        expect(parseQuantityBytes(text)).toBe(roundedUp);
      }),
    );
  });

  it.each([
    ['1.5Gi', 1_610_612_736n],
    ['.5Ki', 512n],
    ['5.', 5n],
    ['+7', 7n],
    ['-0', 0n],
    ['1E', 10n ** 18n],
    ['1E3', 1000n],
    ['15e-1', 2n],
    ['1e+2', 100n],
    ['1500m', 2n],
    ['1u', 1n],
    ['1n', 1n],
    ['9223372036854775807', largestSizeBytes],
  ])('reads %s as %d bytes', (text, sizeBytes) => {
    expect(parseQuantityBytes(text)).toBe(sizeBytes);
  });

  it.each(['', 'Gi', '.', '1K', '1GB', '1 Gi', '1KiB', '1e', '1.2.3', '0x10', '1_000', '1Ki3', '١'])(
    'refuses %j, which is not a quantity',
    (text) => {
      expect(() => parseQuantityBytes(text)).toThrow(
        `${JSON.stringify(text)} is not a size such as 1099511627776, 500M or 1.5Gi`,
      );
    },
  );

  it('refuses a text that is too long', () => {
    expect(() => parseQuantityBytes('0'.repeat(65))).toThrow('is not a size');
  });

  it('refuses a negative size', () => {
    expect(() => parseQuantityBytes('-1Ki')).toThrow('"-1Ki" must not be negative');
  });

  it.each(['9223372036854775808', '8Ei', '1e999'])(
    'refuses %s, which is more than an int64 holds',
    (text) => {
      expect(() => parseQuantityBytes(text)).toThrow(
        `"${text}" exceeds the maximum size of 9223372036854775807 bytes`,
      );
    },
  );
});
