import { expect, onTestFinished, test, vi } from 'vitest';
import { RemovalQueue } from '../../../src/records/removal-queue.ts';
import { type Deferred, deferred, settled } from '../volume/fakes/gate.ts';

/** Removals that end when the test says so. */
function controlledQueue(directories: string[] = []) {
  const running = new Map<string, Deferred<void>>();
  const begun: string[] = [];
  const failures: [string, unknown][] = [];
  const remove = (directory: string) => {
    const removal = deferred();
    begun.push(directory);
    running.set(directory, removal);
    return removal.promise;
  };
  const queue = new RemovalQueue(remove, (directory, error) => failures.push([directory, error]));
  for (const directory of directories) queue.add(directory);
  return { queue, begun, failures, running };
}

test('removes two at a time, in the order they were added', async () => {
  const { begun, running } = controlledQueue(['a', 'b', 'c', 'd']);
  expect(begun).toEqual(['a', 'b']);
  running.get('b')?.resolve();
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('one that fails is told, and the others go on', async () => {
  const { queue, begun, failures, running } = controlledQueue(['a', 'b', 'c']);
  const failure = new Error('EBUSY');
  running.get('a')?.reject(failure);
  await settled();
  expect(failures).toEqual([['a', failure]]);
  expect(begun).toEqual(['a', 'b', 'c']);
  running.get('b')?.resolve();
  running.get('c')?.resolve();
  await queue.idle();
});

test('is idle at once where there is nothing to remove', async () => {
  await controlledQueue().queue.idle();
});

test('is idle when the last one is removed, and not before', async () => {
  const { queue, running } = controlledQueue(['a', 'b', 'c']);
  let idleCount = 0;
  const idle = [queue.idle(), queue.idle()].map((each) => each.then(() => idleCount++));
  for (const directory of ['a', 'b']) {
    running.get(directory)?.resolve();
    await settled();
    expect(idleCount).toBe(0);
  }
  running.get('c')?.resolve();
  await Promise.all(idle);
  expect(idleCount).toBe(2);
});

test('stopping lets those under way end, and begins no more', async () => {
  const { queue, begun, running } = controlledQueue(['a', 'b', 'c']);
  let isStopped = false;
  const stopping = queue.stop().then(() => {
    isStopped = true;
  });
  queue.add('d');
  running.get('a')?.resolve();
  await settled();
  expect(isStopped).toBe(false);
  running.get('b')?.resolve();
  await stopping;
  expect(begun).toEqual(['a', 'b']);
});

test('what could not be removed is tried again, less and less often, until the queue stops', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const tries: string[] = [];
  const delays: number[] = [];
  const remove = async (directory: string) => {
    tries.push(directory);
    throw new Error('EBUSY');
  };
  const queue = new RemovalQueue(remove, (_, __, retryMs) => delays.push(retryMs));
  queue.add('a');
  await queue.idle();
  for (let time = 0; time < 11; time++) await vi.advanceTimersToNextTimerAsync();
  expect(tries).toHaveLength(12);
  expect(delays.slice(0, 3)).toEqual([1000, 2000, 4000]);
  expect(delays.at(-1)).toBe(300_000);
  await queue.stop();
  expect(vi.getTimerCount()).toBe(0);
});
