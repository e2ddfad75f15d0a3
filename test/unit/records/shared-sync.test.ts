import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedSync } from '../../../src/records/shared-sync.ts';
import { type Deferred, deferred, settled } from '../model/fakes/gate.ts';

/** Syncs that end when the test says so. */
function controlledSync() {
  const runs: Deferred<void>[] = [];
  const sync = () => {
    const run = deferred();
    runs.push(run);
    return run.promise;
  };
  return { runs, shared: new SharedSync('/nowhere', sync) };
}

test('a single sync runs at once', async () => {
  const { runs, shared } = controlledSync();
  const waiting = shared.wait();
  expect(runs).toHaveLength(1);
  runs[0]?.resolve();
  await waiting;
});

test('requests during a sync share the next one', async () => {
  const { runs, shared } = controlledSync();
  const first = shared.wait();
  const others = [shared.wait(), shared.wait(), shared.wait()];
  expect(runs).toHaveLength(1);
  runs[0]?.resolve();
  await first;
  await settled();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve();
  await Promise.all(others);
  expect(runs).toHaveLength(2);
});

test('a failed sync is reported to the requests that waited for it, and no others', async () => {
  const { runs, shared } = controlledSync();
  const first = shared.wait();
  const second = shared.wait();
  const failure = new Error('EIO');
  runs[0]?.reject(failure);
  await expect(first).rejects.toBe(failure);
  await settled();
  runs[1]?.resolve();
  await second;
});

test('a failed shared sync is reported to all requests, and the next one works again', async () => {
  const { runs, shared } = controlledSync();
  const first = shared.wait();
  const sharing = Promise.allSettled([shared.wait(), shared.wait()]);
  runs[0]?.resolve();
  await first;
  await settled();
  runs[1]?.reject(new Error('EIO'));
  expect((await sharing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = shared.wait();
  runs[2]?.resolve();
  await next;
});

test('no request is answered before a sync that began after it has ended', async () => {
  const move = fc.constantFrom('ask', 'end the oldest', 'let go on');
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 40 }), async (moves) => {
      const { runs, shared } = controlledSync();
      const ended = new Set<number>();
      let waitingCount = 0;
      const ask = () => {
        const runsBefore = runs.length;
        waitingCount++;
        return shared.wait().then(() => {
          waitingCount--;
          expect([...ended].some((run) => run >= runsBefore)).toBe(true);
        });
      };
      const endOldest = () => {
        const oldest = runs.findIndex((_, index) => !ended.has(index));
        if (oldest < 0) return;
        ended.add(oldest);
        runs[oldest]?.resolve();
      };
      const asked: Promise<void>[] = [];
      for (const each of moves) {
        if (each === 'ask') asked.push(ask());
        else if (each === 'end the oldest') endOldest();
        else await settled();
      }
      while (waitingCount > 0) {
        endOldest();
        await settled();
      }
      await Promise.all(asked);
      expect(runs.length).toBeLessThanOrEqual(asked.length);
    }),
    { numRuns: 50 },
  );
});
