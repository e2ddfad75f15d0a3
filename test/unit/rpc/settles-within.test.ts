import { expect, test } from 'vitest';
import { settlesWithin } from '../../../src/rpc/settles-within.ts';

const hour = 3_600_000;

test('work that ends in time is not waited for any longer', async () => {
  expect(await settlesWithin(Promise.resolve(), hour)).toBe(true);
});

test('work that does not end is left running', async () => {
  expect(await settlesWithin(new Promise(() => {}), 0)).toBe(false);
});

test('work that fails in time has ended; its failure is for the caller to await', async () => {
  expect(await settlesWithin(Promise.reject(new Error('a fault')), hour)).toBe(true);
});
