import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { StopFlag, StoppedError } from '../../../src/kernel/calls/stop-flag.ts';
import { TreeObstacleError } from '../../../src/kernel/files/copy-source.ts';
import { LeaseWaits, openUnlessLeased } from '../../../src/kernel/files/lease-waits.ts';

const nameOf = () => '/file';

// Waits are real, but the time that they take is not.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Opens a file that is leased for this many tries. */
function leasedFor(tries: number) {
  let left = tries;
  return () => {
    if (left-- > 0) throw new KernelError('open', errno.EAGAIN, 'file');
    return 17;
  };
}

function waitsReporting(onWait: (file: string) => void, stop = new StopFlag()) {
  return new LeaseWaits({ stop, onWait });
}

test('a file without a lease is opened, and nothing is reported', () => {
  const reported: string[] = [];
  const waits = waitsReporting((file) => reported.push(file));
  expect(waits.openWhenFree(leasedFor(0), nameOf)).toBe(17);
  expect(reported).toEqual([]);
});

test('a leased file is retried until it is released, and each time its name is reported', () => {
  const reported: string[] = [];
  const waits = waitsReporting((file) => reported.push(file));
  expect(waits.openWhenFree(leasedFor(3), nameOf)).toBe(17);
  expect(reported).toEqual(['/file', '/file', '/file']);
});

test('without waiting, it is only known to be leased', () => {
  expect(openUnlessLeased(leasedFor(1))).toBe('leased');
  expect(openUnlessLeased(leasedFor(0))).toBe(17);
});

test('another error is passed on', () => {
  const fail = () => {
    throw new KernelError('open', errno.EIO, 'file');
  };
  expect(() => waitsReporting(() => {}).openWhenFree(fail, nameOf)).toThrow('EIO');
  expect(() => openUnlessLeased(fail)).toThrow('EIO');
});

test('waiting ends when the copy is stopped', () => {
  const stop = new StopFlag();
  const waits = waitsReporting(() => stop.stop(), stop);
  expect(() => waits.openWhenFree(leasedFor(Number.POSITIVE_INFINITY), nameOf)).toThrow(StoppedError);
});

test('a copy gives up after waiting three minutes in total, and names one file', () => {
  const waits = waitsReporting(() => void vi.advanceTimersByTime(50_000));
  for (let file = 0; file < 2; file++) expect(waits.openWhenFree(leasedFor(1), nameOf)).toBe(17);
  const opening = () => waits.openWhenFree(leasedFor(5), nameOf);
  expect(opening).toThrow(TreeObstacleError);
  expect(opening).toThrow('a process holds a lease (fcntl F_SETLEASE) on "/file"');
});
