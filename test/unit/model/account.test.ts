import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Account } from '../../../src/model/objects/account.ts';

test('what is reserved is not available until it is released', () => {
  const account = new Account(10n);
  account.reserve(4n);
  expect(account).toMatchObject({ reservedBytes: 4n, roomBytes: 6n });
  account.release(4n);
  expect(account).toMatchObject({ reservedBytes: 0n, roomBytes: 10n });
});

test('an account without a limit counts, and has no end', () => {
  const account = new Account(undefined);
  account.reserve(2n ** 70n);
  expect(account).toMatchObject({ reservedBytes: 2n ** 70n, roomBytes: undefined });
});

test('room is never negative, though more may have been reserved before the limit was lowered', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 200n }), (limit, reserved) => {
      const account = new Account(limit);
      account.reserve(reserved);
      expect(account.roomBytes).toBe(reserved > limit ? 0n : limit - reserved);
    }),
  );
});
