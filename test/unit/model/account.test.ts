import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Account } from '../../../src/model/objects/account.ts';

test('what is promised is no more to be had, and is again when it is released', () => {
  const account = new Account(10n);
  account.promise(4n);
  expect(account).toMatchObject({ promisedBytes: 4n, roomBytes: 6n });
  account.release(4n);
  expect(account).toMatchObject({ promisedBytes: 0n, roomBytes: 10n });
});

test('an account without a limit counts, and has no end', () => {
  const account = new Account(undefined);
  account.promise(2n ** 70n);
  expect(account).toMatchObject({ promisedBytes: 2n ** 70n, roomBytes: undefined });
});

test('room is never negative, though more may have been promised before the limit was lowered', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 200n }), (limit, promised) => {
      const account = new Account(limit);
      account.promise(promised);
      expect(account.roomBytes).toBe(promised > limit ? 0n : limit - promised);
    }),
  );
});
