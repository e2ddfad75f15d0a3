import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { TreeObstacleError } from '../../../src/kernel/files/copy-source.ts';
import { LeaseWaits } from '../../../src/kernel/files/lease-waits.ts';

const nameOf = () => '/file';
const here = (wait: () => Promise<void>) => wait();

// node:timers/promises are not faked; the measured time is.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Opens a file that is leased for this many tries. */
function leasedFor(tries: number, onTry = () => {}) {
  let left = tries;
  return async () => {
    onTry();
    if (left-- > 0) throw new KernelError('open', errno.EAGAIN, 'file');
    return 17;
  };
}

test('a file without a lease is opened, and nothing is reported', async () => {
  const reported: string[] = [];
  const waits = new LeaseWaits(new AbortController().signal, (file) => reported.push(file));
  expect(await waits.openWhenFree(leasedFor(0), nameOf, here)).toBe(17);
  expect(reported).toEqual([]);
});

test('a leased file is retried until it is released, and each time its name is reported', async () => {
  const reported: string[] = [];
  const waits = new LeaseWaits(new AbortController().signal, (file) => reported.push(file));
  expect(await waits.openWhenFree(leasedFor(3), nameOf, here)).toBe(17);
  expect(reported).toEqual(['/file', '/file', '/file']);
});

test('another error is passed on', async () => {
  const waits = new LeaseWaits(new AbortController().signal, () => {});
  const failure = new KernelError('open', errno.EIO, 'file');
  await expect(waits.openWhenFree(() => Promise.reject(failure), nameOf, here)).rejects.toBe(failure);
});

test('waiting ends with the reason for stopping the copy', async () => {
  const stop = new AbortController();
  const waits = new LeaseWaits(stop.signal, () => {});
  const reason = new Error('not wanted');
  const opening = waits.openWhenFree(
    leasedFor(Number.POSITIVE_INFINITY, () => void queueMicrotask(() => stop.abort(reason))),
    nameOf,
    here,
  );
  await expect(opening).rejects.toBe(reason);
});

test('a copy gives up after waiting three minutes in total, and names one file', async () => {
  const waits = new LeaseWaits(new AbortController().signal, () => void vi.advanceTimersByTime(50_000));
  // Two at once count once.
  const both = [1, 1].map((tries) => waits.openWhenFree(leasedFor(tries), nameOf, here));
  expect(await Promise.all(both)).toEqual([17, 17]);
  const error = await waits.openWhenFree(leasedFor(5), nameOf, here).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TreeObstacleError);
  expect(String(error)).toContain('a process holds a lease (fcntl F_SETLEASE) on "/file"');
});
