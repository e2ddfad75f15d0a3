import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Looks } from '../../../src/kernel/process/looks.ts';

const noAnswer = { code: 'ETIMEDOUT' };
const never = () => new Promise<never>(() => {});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets the time that looks have pass, and what waits for that go on. */
const passTime = () => vi.advanceTimersByTimeAsync(2_000);

test('a look that answers in time is answered, with its value or its error', async () => {
  const looks = new Looks();
  expect(await looks.at('/a', async () => 1)).toBe(1);
  const error = new Error('of the look');
  await expect(looks.at('/a', () => Promise.reject(error))).rejects.toBe(error);
  expect(looks.isHung('/a')).toBe(false);
});

test('a look that does not answer is given up, and nobody looks there again until it has', async () => {
  const looks = new Looks();
  const gate = deferred<number>();
  const first = looks.at('/a', () => gate.promise);
  const isGivenUp = expect(first).rejects.toMatchObject(noAnswer);
  await passTime();
  await isGivenUp;
  const second = vi.fn(async () => 2);
  await expect(looks.at('/a', second)).rejects.toMatchObject(noAnswer);
  expect(second).not.toHaveBeenCalled();
  expect(looks.isHung('/a')).toBe(true);
  expect(await looks.at('/b', async () => 3)).toBe(3);
  gate.resolve(1);
  await vi.waitFor(() => expect(looks.isHung('/a')).toBe(false));
  expect(await looks.at('/a', second)).toBe(2);
});

test('looks at one subject come one after another, and each looks for itself', async () => {
  const looks = new Looks();
  const gate = deferred<number>();
  const second = vi.fn(async () => 2);
  const both = Promise.all([looks.at('/a', () => gate.promise), looks.at('/a', second)]);
  await vi.advanceTimersByTimeAsync(1);
  expect(second).not.toHaveBeenCalled();
  gate.resolve(1);
  expect(await both).toEqual([1, 2]);
});

test('no more looks are begun once five hang', async () => {
  const looks = new Looks();
  const hanging = Array.from({ length: 5 }, (_, index) => looks.at(`/${index}`, never));
  const all = Promise.allSettled(hanging);
  await passTime();
  await all;
  const next = vi.fn(async () => 1);
  expect(looks.isFull).toBe(true);
  await expect(looks.at('/next', next)).rejects.toMatchObject(noAnswer);
  expect(next).not.toHaveBeenCalled();
});

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
