import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PatientQueue } from '../../../src/model/state/patient-queue.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue, and those who left it, in order. */
function waiting(ask?: () => Promise<void>) {
  const queue = new PatientQueue(ask);
  const left: string[] = [];
  const join = (name: string, signal?: AbortSignal) =>
    queue
      .wait(() => new Error('refused'), signal)
      .then(
        () => void left.push(name),
        (error: Error) => void left.push(`${name} ${error.message}`),
      );
  return { queue, left, join };
}

test('admits in order', async () => {
  const { queue, left, join } = waiting();
  const all = ['a', 'b', 'c'].map((name) => join(name));
  while (queue.admitNext());
  await Promise.all(all);
  expect(left).toEqual(['a', 'b', 'c']);
  expect(queue.isEmpty).toBe(true);
});

test('refuses each who has waited eight seconds while it did not move', async () => {
  const { left, join } = waiting();
  void join('a');
  await vi.advanceTimersByTimeAsync(5000);
  void join('b');
  await vi.advanceTimersByTimeAsync(2999);
  expect(left).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(left).toEqual(['a refused']);
  await vi.advanceTimersByTimeAsync(5000);
  expect(left).toEqual(['a refused', 'b refused']);
});

test.each([
  ['others are admitted', (queue: PatientQueue) => queue.admitNext()],
  ['something becomes free for others', (queue: PatientQueue) => queue.noteProgress()],
])('lets wait as long as %s', async (_, move) => {
  const { queue, left, join } = waiting();
  for (let index = 0; index < 10; index++) void join('other');
  void join('last');
  for (let index = 0; index < 10; index++) {
    await vi.advanceTimersByTimeAsync(7000);
    move(queue);
  }
  await vi.advanceTimersByTimeAsync(7000);
  expect(left).not.toContain('last refused');
  await vi.advanceTimersByTimeAsync(1000);
  expect(left).toContain('last refused');
});

test('lets wait while it is answered that all is well, however slowly', async () => {
  let answerMs = 5000;
  const { left, join } = waiting(() => new Promise((resolve) => setTimeout(resolve, answerMs)));
  void join('a');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(left).toEqual([]);
  answerMs = 600_000;
  await vi.advanceTimersByTimeAsync(16_000);
  expect(left).toEqual(['a refused']);
});

test('does not ask while it moves', async () => {
  const ask = vi.fn<() => Promise<void>>(async () => {});
  const { queue, join } = waiting(ask);
  for (let index = 0; index < 10; index++) void join('other');
  for (let index = 0; index < 10; index++) {
    queue.admitNext();
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(ask).not.toHaveBeenCalled();
});

test('forgets one whose signal is aborted', async () => {
  const { queue, left, join } = waiting();
  const gone = new AbortController();
  const all = [join('a', gone.signal), join('b', new AbortController().signal)];
  gone.abort(new Error('gone'));
  queue.admitNext();
  await Promise.all(all);
  await join('c', gone.signal);
  expect(left).toEqual(['a gone', 'b', 'c gone']);
  expect(queue.isEmpty).toBe(true);
});

test('keeps no timer when nobody waits', async () => {
  const { queue, join } = waiting();
  const all = [join('a'), join('b')];
  queue.admitNext();
  expect(vi.getTimerCount()).toBe(1);
  queue.refuseAll(new Error('stop'));
  await Promise.all(all);
  expect(vi.getTimerCount()).toBe(0);
});
