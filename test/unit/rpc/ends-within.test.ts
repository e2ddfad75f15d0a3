import { expect, test } from 'vitest';
import { endsWithin } from '../../../src/rpc/ends-within.ts';

const hour = 3_600_000;

test('work that ends is not waited for any longer', async () => {
  expect(await endsWithin(Promise.resolve(), hour)).toBe(true);
});

test('work that does not end is left to itself', async () => {
  expect(await endsWithin(new Promise(() => {}), 0)).toBe(false);
});

test('work that fails is told', async () => {
  await expect(endsWithin(Promise.reject(new Error('a fault')), 0)).rejects.toThrow('a fault');
});
