import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { SingleFlightCalls } from '../../../src/rpc/single-flight-calls.ts';
import { type Deferred, deferred } from '../model/fakes/gate.ts';

/** Joint calls whose work is settled from outside, and the requests for which it began. */
function waitingCalls() {
  const begun: { request: unknown; work: Deferred<string> }[] = [];
  const calls = new SingleFlightCalls((request) => {
    const work = deferred<string>();
    begun.push({ request, work });
    return { reply: work.promise };
  });
  return { calls, begun };
}

describe('calls with the same request', () => {
  test('share one execution, and its reply', async () => {
    const { calls, begun } = waitingCalls();
    const answers = [calls.join({ name: 'a' }).reply, calls.join({ name: 'a' }).reply];
    expect(begun).toMatchObject([{ request: { name: 'a' } }]);
    begun[0]?.work.resolve('made');
    expect(await Promise.all(answers)).toEqual(['made', 'made']);
  });

  test('share its error', async () => {
    const { calls, begun } = waitingCalls();
    const answers = [calls.join({ name: 'a' }).reply, calls.join({ name: 'a' }).reply];
    const error = new VolumeError('exhausted', 'no room');
    begun[0]?.work.reject(error);
    const outcomes = await Promise.allSettled(answers);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
      error,
      error,
    ]);
  });

  test('are compared by their fields, in any order of map entries', () => {
    const { calls, begun } = waitingCalls();
    calls.join({ name: 'a', parameters: { pool: 'fast', uid: '5' } });
    calls.join({ name: 'a', parameters: { uid: '5', pool: 'fast' } });
    expect(begun).toHaveLength(1);
  });
});

test.each([
  ['another name', { name: 'b', source: { id: 'v' }, list: ['x', 'y'], nothing: null }],
  ['another value deep inside', { name: 'a', source: { id: 'w' }, list: ['x', 'y'], nothing: null }],
  ['a list in another order', { name: 'a', source: { id: 'v' }, list: ['y', 'x'], nothing: null }],
  ['a field that is there', { name: 'a', source: { id: 'v' }, list: ['x', 'y'], nothing: {} }],
])('a call with a different field runs separately: %s', (_, other) => {
  const { calls, begun } = waitingCalls();
  calls.join({ name: 'a', source: { id: 'v' }, list: ['x', 'y'], nothing: null });
  calls.join(other);
  expect(begun.map(({ request }) => request)).toContain(other);
});

test.each([
  ['succeeded', (work: Deferred<string>) => work.resolve('made')],
  ['failed', (work: Deferred<string>) => work.reject(new Error('broken'))],
])('work that has %s is begun anew by the next call', async (_, settle) => {
  const { calls, begun } = waitingCalls();
  const first = calls.join({ name: 'a' });
  const [one] = begun;
  if (one) settle(one.work);
  await first.reply.catch(() => {});
  calls.join({ name: 'a' });
  expect(begun).toHaveLength(2);
});
