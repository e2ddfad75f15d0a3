import { expect, onTestFinished, test, vi } from 'vitest';
import { RemovalQueue } from '../../../src/records/removal-queue.ts';
import { type Deferred, deferred, settled } from '../model/fakes/gate.ts';

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
  const queue = new RemovalQueue({
    remove,
    onFailure: (directory, error) => failures.push([directory, error]),
    onRecovery: () => {},
  });
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

test('removes more at a time while many wait, so that deletions do not outrun it', async () => {
  const { begun, running } = controlledQueue(Array.from({ length: 80 }, (_, index) => String(index)));
  expect(begun).toHaveLength(4);
  const finish = async (from: number, to: number) => {
    for (const directory of begun.slice(from, to)) running.get(directory)?.resolve();
    await settled();
  };
  for (const from of [0, 4, 8]) await finish(from, from + 4);
  expect(begun).toHaveLength(16);
  // The rest waits for its turn as usual.
  await finish(12, 16);
  expect(begun).toHaveLength(18);
});

test('a failed removal is reported, and the others go on', async () => {
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

test('is idle at once if there is nothing to remove', async () => {
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

test('stopping lets running removals end, and begins no more', async () => {
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

/** A queue whose retries begin when the test allows it. */
function retryingQueue(remove: (directory: string) => Promise<void>) {
  const reports: string[] = [];
  const retries: { delayMs: number; callback: () => void }[] = [];
  const queue = new RemovalQueue({
    remove,
    onFailure: (directory, error, retryMs) => reports.push(`${directory}: ${error}, again in ${retryMs} ms`),
    onRecovery: (directory) => reports.push(`${directory} is removed`),
    after(delayMs, callback) {
      const retry = { delayMs, callback };
      retries.push(retry);
      return () => void retries.splice(retries.indexOf(retry), 1);
    },
  });
  const retryNow = async () => {
    const retry = retries.shift();
    retry?.callback();
    await queue.idle();
    return retry?.delayMs;
  };
  return { queue, reports, retries, retryNow };
}

test('a failed removal is retried, at growing intervals, until the queue stops', async () => {
  const remove = vi.fn(() => Promise.reject(new Error('EPERM')));
  const { queue, retries, retryNow } = retryingQueue(remove);
  queue.add('a');
  await queue.idle();
  const delays: unknown[] = [];
  for (let time = 0; time < 11; time++) delays.push(await retryNow());
  expect(remove).toHaveBeenCalledTimes(12);
  expect(delays.slice(0, 3)).toEqual([1000, 2000, 4000]);
  expect(delays.at(-1)).toBe(300_000);
  await queue.stop();
  expect(retries).toEqual([]);
});

test('each reason is reported once, and so is the final success', async () => {
  const reasons = ['EPERM', 'EPERM', 'EBUSY', 'EBUSY'];
  const { queue, reports, retries, retryNow } = retryingQueue(async () => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new Error(reason);
  });
  queue.add('a');
  await queue.idle();
  for (let time = 0; time < 4; time++) await retryNow();
  expect(reports).toEqual([
    'a: Error: EPERM, again in 1000 ms',
    'a: Error: EBUSY, again in 4000 ms',
    'a is removed',
  ]);
  expect(retries).toEqual([]);
});

test('a removal that has failed five times is stuck, until it succeeds', async () => {
  let reason: string | undefined = 'EPERM';
  const { queue, retryNow } = retryingQueue(async (directory) => {
    if (directory === 'a' && reason !== undefined) throw new Error(reason);
  });
  for (const directory of ['a', 'b']) queue.add(directory);
  await queue.idle();
  for (let time = 2; time < 5; time++) await retryNow();
  expect(queue.state.stuck).toEqual([]);
  await retryNow();
  expect(queue.state.stuck).toEqual([{ directory: 'a', reason: 'EPERM' }]);
  reason = undefined;
  await retryNow();
  expect(queue.state.stuck).toEqual([]);
});

test('pending are directories that wait, are being removed, or failed and wait for a retry', async () => {
  const { queue, running } = controlledQueue(['a', 'b', 'c']);
  onTestFinished(() => void queue.stop());
  expect(queue.state).toMatchObject({ pendingCount: 3, failingCount: 0 });
  running.get('a')?.reject(new Error('EPERM'));
  await settled();
  expect(queue.state).toMatchObject({ pendingCount: 3, failingCount: 1 });
  for (const directory of ['b', 'c']) running.get(directory)?.resolve();
  await queue.idle();
  expect(queue.state).toMatchObject({ pendingCount: 1, failingCount: 1 });
});

test('by default it uses timers that do not keep the process running', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const remove = vi.fn(() => Promise.reject(new Error('EBUSY')));
  const queue = new RemovalQueue({ remove, onFailure: () => {}, onRecovery: () => {} });
  queue.add('a');
  await queue.idle();
  await vi.advanceTimersToNextTimerAsync();
  expect(remove).toHaveBeenCalledTimes(2);
  await queue.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('what comes before a removal is retried with it, and done once', async () => {
  const done: string[] = [];
  const failures = [new Error('EROFS'), new Error('EROFS')];
  const remove = async (directory: string) => {
    done.push(`remove ${directory}`);
    if (done.length < 3) throw new Error('EPERM');
  };
  const { queue, retryNow } = retryingQueue(remove);
  queue.add('a', async () => {
    const failure = failures.pop();
    if (failure) throw failure;
    done.push('prepare');
  });
  await queue.idle();
  for (let time = 0; time < 4; time++) await retryNow();
  expect(done).toEqual(['prepare', 'remove a', 'remove a']);
  expect(queue.state.pendingCount).toBe(0);
});

test('a directory that waits is tried again when asked, and the reason is that of this attempt', async () => {
  const { queue, begun, running } = controlledQueue(['a']);
  running.get('a')?.reject(new Error('EBUSY'));
  await settled();
  const again = queue.retry('a');
  expect(begun).toEqual(['a', 'a']);
  running.get('a')?.reject(new Error('EPERM'));
  expect(await again).toBe('EPERM');
  const last = queue.retry('a');
  running.get('a')?.resolve();
  expect(await last).toBeUndefined();
  expect(queue.state).toEqual({ pendingCount: 0, failingCount: 0, stuck: [] });
  expect(await queue.retry('a')).toBeUndefined();
  expect(begun).toEqual(['a', 'a', 'a']);
  await queue.stop();
});
