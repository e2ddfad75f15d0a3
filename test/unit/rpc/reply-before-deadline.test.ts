import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { replyBeforeDeadline } from '../../../src/rpc/reply-before-deadline.ts';
import { deferred } from '../model/fakes/gate.ts';

const silent = new VolumeError('unavailable', 'pool "slow" does not answer');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A call with ten seconds, the pool checks it causes, and its reply. */
function call(seconds = 10) {
  const work = deferred<string>();
  const state: { asked: boolean; answer: VolumeError | undefined; givenUp: unknown[] } = {
    asked: false,
    answer: silent,
    givenUp: [],
  };
  const checkResponding = () => {
    state.asked = true;
    return () => state.answer;
  };
  const deadline = seconds === Number.POSITIVE_INFINITY ? seconds : Date.now() + seconds * 1000;
  const reply = replyBeforeDeadline({ reply: work.promise, checkResponding }, deadline, (error) =>
    state.givenUp.push(error),
  );
  return { work, state, reply };
}

describe('a call', () => {
  test('that ends in time is answered, and nothing is checked', async () => {
    const { work, state, reply } = call();
    await vi.advanceTimersByTimeAsync(3000);
    work.resolve('done');
    expect(await reply).toBe('done');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state.asked).toBe(false);
  });

  test('whose pool does not respond is refused before its deadline, once, and its work goes on', async () => {
    const { work, state, reply } = call();
    const refused = expect(reply).rejects.toBe(silent);
    await vi.advanceTimersByTimeAsync(9_500);
    await refused;
    expect(state.givenUp).toEqual([silent]);
    work.reject(new Error('later'));
    await vi.advanceTimersByTimeAsync(60_000);
  });

  test('whose pool responds is left alone, however long it takes', async () => {
    const { work, state, reply } = call();
    state.answer = undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    work.resolve('done');
    expect(await reply).toBe('done');
    expect(state.givenUp).toEqual([]);
  });

  test.each([
    ['has no deadline', Number.POSITIVE_INFINITY],
    ['is late already', -1],
  ])('that %s is waited for', async (_, seconds) => {
    const { work, state, reply } = call(seconds);
    await vi.advanceTimersByTimeAsync(600_000);
    work.resolve('done');
    expect(await reply).toBe('done');
    expect(state.asked).toBe(false);
  });

  test('that fails is answered with its error', async () => {
    const { work, reply } = call();
    work.reject(new Error('broken'));
    await expect(reply).rejects.toThrow('broken');
  });
});
