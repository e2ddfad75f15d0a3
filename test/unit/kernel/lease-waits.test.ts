import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { LeaseWaits } from '../../../src/kernel/files/lease-waits.ts';
import { TreeObstacle } from '../../../src/kernel/files/tree-obstacle.ts';

const nameOf = () => '/file';
const here = (wait: () => Promise<void>) => wait();

// node:timers/promises are not faked; the time that is measured is.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Opens a file that is leased for so many tries. */
function leasedFor(tries: number, onTry = () => {}) {
  let left = tries;
  return async () => {
    onTry();
    if (left-- > 0) throw new KernelError('open', errno.EAGAIN, 'file');
    return 17;
  };
}

test('a file that nobody has leased is opened, and nobody is told', async () => {
  const told: string[] = [];
  const waits = new LeaseWaits(new AbortController().signal, (file) => told.push(file));
  expect(await waits.untilFree(leasedFor(0), nameOf, here)).toBe(17);
  expect(told).toEqual([]);
});

test('a leased file is tried until it is given back, and each time its name is told', async () => {
  const told: string[] = [];
  const waits = new LeaseWaits(new AbortController().signal, (file) => told.push(file));
  expect(await waits.untilFree(leasedFor(3), nameOf, here)).toBe(17);
  expect(told).toEqual(['/file', '/file', '/file']);
});

test('another error is that of the file', async () => {
  const waits = new LeaseWaits(new AbortController().signal, () => {});
  const failure = new KernelError('open', errno.EIO, 'file');
  await expect(waits.untilFree(() => Promise.reject(failure), nameOf, here)).rejects.toBe(failure);
});

test('waiting ends with the reason that the copy is stopped for', async () => {
  const stop = new AbortController();
  const waits = new LeaseWaits(stop.signal, () => {});
  const reason = new Error('not wanted');
  const opening = waits.untilFree(
    leasedFor(Number.POSITIVE_INFINITY, () => void queueMicrotask(() => stop.abort(reason))),
    nameOf,
    here,
  );
  await expect(opening).rejects.toBe(reason);
});

test('a copy gives up after three minutes of waiting for whatever files, and names one', async () => {
  const waits = new LeaseWaits(new AbortController().signal, () => void vi.advanceTimersByTime(50_000));
  // Two at once count once.
  const both = [1, 1].map((tries) => waits.untilFree(leasedFor(tries), nameOf, here));
  expect(await Promise.all(both)).toEqual([17, 17]);
  const error = await waits.untilFree(leasedFor(5), nameOf, here).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TreeObstacle);
  expect(String(error)).toContain('a process holds a lease (fcntl F_SETLEASE) on "/file"');
});
