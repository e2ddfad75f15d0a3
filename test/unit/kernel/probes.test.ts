import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Probes } from '../../../src/kernel/process/probes.ts';
import { eventually } from '../../support/eventually.ts';

const noAnswer = { code: 'ETIMEDOUT' };
const never = () => new Promise<never>(() => {});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets the time limit of looks pass, and continues everything that waits for it. */
const passTime = () => vi.advanceTimersByTimeAsync(2_000);

test('a look that ends in time returns its value or its error', async () => {
  const looks = new Probes();
  expect(await looks.run('/a', async () => 1)).toBe(1);
  const error = new Error('of the look');
  await expect(looks.run('/a', () => Promise.reject(error))).rejects.toBe(error);
  expect(looks.isHung('/a')).toBe(false);
});

test('a look that hangs is given up, and is not repeated until it ends', async () => {
  const looks = new Probes();
  const gate = deferred<number>();
  const first = looks.run('/a', () => gate.promise);
  const isGivenUp = expect(first).rejects.toMatchObject(noAnswer);
  await passTime();
  await isGivenUp;
  const second = vi.fn(async () => 2);
  await expect(looks.run('/a', second)).rejects.toMatchObject(noAnswer);
  expect(second).not.toHaveBeenCalled();
  expect(looks.isHung('/a')).toBe(true);
  expect(await looks.run('/b', async () => 3)).toBe(3);
  gate.resolve(1);
  await eventually(() => expect(looks.isHung('/a')).toBe(false));
  expect(await looks.run('/a', second)).toBe(2);
});

test('looks at one subject run one after another, and each looks for itself', async () => {
  const looks = new Probes();
  const gate = deferred<number>();
  const second = vi.fn(async () => 2);
  const both = Promise.all([looks.run('/a', () => gate.promise), looks.run('/a', second)]);
  await vi.advanceTimersByTimeAsync(1);
  expect(second).not.toHaveBeenCalled();
  gate.resolve(1);
  expect(await both).toEqual([1, 2]);
});

test('no more looks are started once five hang', async () => {
  const looks = new Probes();
  const hanging = Array.from({ length: 5 }, (_, index) => looks.run(`/${index}`, never));
  const all = Promise.allSettled(hanging);
  await passTime();
  await all;
  const next = vi.fn(async () => 1);
  expect(looks.isFull).toBe(true);
  await expect(looks.run('/next', next)).rejects.toMatchObject(noAnswer);
  expect(next).not.toHaveBeenCalled();
});

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
