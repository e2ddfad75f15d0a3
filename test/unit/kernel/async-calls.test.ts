import { expect, test } from 'vitest';
import { AsyncCalls } from '../../../src/kernel/calls/async-calls.ts';
import { type Deferred, deferred, settled } from '../model/fakes/gate.ts';

/** Calls that end when the test says so. */
function controlled(threadCount: number) {
  const calls = new AsyncCalls(threadCount);
  const begun: Deferred<void>[] = [];
  const start = (options = {}) =>
    calls.run(() => {
      const call = deferred();
      begun.push(call);
      return call.promise;
    }, options);
  return { begun, start };
}

test.each([
  [192, 144, 48],
  [128, 96, 32],
  [4, 3, 1],
  [1, 1, 1],
  [1024, 180, 60],
])('of %i threads, %i make calls at once, and %i are for urgent ones', async (threads, common, urgent) => {
  const { begun, start } = controlled(threads);
  for (let count = 0; count < 300; count++) void start();
  await settled();
  expect(begun).toHaveLength(common);
  for (let count = 0; count < 300; count++) void start({ isUrgent: true });
  await settled();
  expect(begun).toHaveLength(common + urgent);
  // koffi throws for one more.
  expect(common + urgent).toBeLessThanOrEqual(256);
});

test('when a call ends or fails, the one that has waited longest begins', async () => {
  const { begun, start } = controlled(1);
  const [first, second] = [start(), start()];
  await settled();
  expect(begun).toHaveLength(1);
  const failure = new Error('no luck');
  begun[0]?.reject(failure);
  await expect(first).rejects.toBe(failure);
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.resolve();
  await second;
});
