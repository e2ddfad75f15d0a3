import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import type { CopyControl } from '../../../src/model/ports/ports.ts';
import { Copies, type CopyOrder, type CopyProgress } from '../../../src/model/state/copies.ts';
import { deferred, settled } from './fakes/gate.ts';

const order = (id: string, isLong = true): CopyOrder => ({ id, from: `source of ${id}`, isLong });

/** Copies, what they report, and a way to run one that ends when it is let or stopped. */
function running(slotLimit = 2) {
  const told: CopyProgress[] = [];
  const copies = new Copies(slotLimit, (progress) => told.push(progress));
  const begin = (copyOrder: CopyOrder) => {
    const end = deferred<string>();
    let control: CopyControl | undefined;
    const outcome = copies.run(copyOrder, (given) => {
      control = given;
      given.signal.addEventListener('abort', () => end.reject(given.signal.reason));
      return end.promise;
    });
    // Whoever looks at the outcome may do so later.
    outcome.catch(() => {});
    return {
      outcome,
      end,
      onBytes: (bytes: bigint) => control?.onBytes(bytes),
      onWait: (file: string) => control?.onWait(file),
    };
  };
  return { copies, begin, told, states: () => told.map(({ id, state }) => `${id} ${state}`) };
}

describe('slots', () => {
  test('are for long copies: one more is told to come again, a short one is not', async () => {
    const { begin } = running(1);
    const first = begin(order('a'));
    await expect(begin(order('b')).outcome).rejects.toMatchObject({
      kind: 'aborted',
      message: '"source of b" is not copied yet: 1 copies are under way, and no more at once; call again',
    });
    const short = begin(order('c', false));
    short.end.resolve('short');
    first.end.resolve('long');
    expect(await Promise.all([short.outcome, first.outcome])).toEqual(['short', 'long']);
  });

  test.each([
    ['done', (end: ReturnType<typeof deferred<string>>) => end.resolve('made')],
    ['failed', (end: ReturnType<typeof deferred<string>>) => end.reject(new Error('full'))],
  ])('are free again when a copy is %s', async (_, finish) => {
    const { begin } = running(1);
    const first = begin(order('a'));
    finish(first.end);
    await Promise.allSettled([first.outcome]);
    const second = begin(order('b'));
    second.end.resolve('made');
    expect(await second.outcome).toBe('made');
  });

  test('are left to others by a copy that waits for a file, up to four copies for each slot', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { begin } = running(1);
    for (const id of ['a', 'b', 'c']) begin(order(id)).onWait('/leased');
    const last = begin(order('d'));
    last.onWait('/leased');
    await expect(begin(order('e')).outcome).rejects.toMatchObject({ kind: 'aborted' });
    last.end.resolve('made');
    await last.outcome;
    vi.advanceTimersByTime(5000);
    // They have not said for a while that they wait.
    await expect(begin(order('f')).outcome).rejects.toMatchObject({ kind: 'aborted' });
  });

  test('stay as many as they were when a copy had none', async () => {
    const { begin } = running(1);
    begin(order('a'));
    await begin(order('b')).outcome.catch(() => {});
    const refused = begin(order('c'));
    await expect(refused.outcome).rejects.toMatchObject({ kind: 'aborted' });
  });
});

describe('what is told of a long copy', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('is that it starts and how it ends, with the bytes copied and the time it took', async () => {
    const { begin, told } = running();
    const { outcome, end, onBytes } = begin(order('a'));
    onBytes(5n);
    onBytes(6n);
    vi.advanceTimersByTime(1500);
    end.resolve('made');
    await outcome;
    expect(told).toEqual([
      { id: 'a', from: 'source of a', state: 'started', copiedBytes: 0n, durationMs: 0 },
      { id: 'a', from: 'source of a', state: 'done', copiedBytes: 11n, durationMs: 1500 },
    ]);
  });

  test('is how far it is, every ten seconds', async () => {
    const { begin, told } = running();
    const { onBytes } = begin(order('a'));
    for (let second = 1; second <= 21; second++) {
      vi.advanceTimersByTime(1000);
      onBytes(1n);
    }
    expect(told.map(({ state, copiedBytes, durationMs }) => [state, copiedBytes, durationMs])).toEqual([
      ['started', 0n, 0],
      ['running', 10n, 10_000],
      ['running', 20n, 20_000],
    ]);
  });

  test('is which file it waits for, every ten seconds while it waits', async () => {
    const { begin, told } = running();
    const { onBytes, onWait } = begin(order('a'));
    onBytes(5n);
    for (let second = 1; second <= 21; second++) {
      vi.advanceTimersByTime(1000);
      onWait(`/file-${second}`);
    }
    expect(told.map(({ state, file, copiedBytes }) => [state, file, copiedBytes])).toEqual([
      ['started', undefined, 0n],
      ['waiting', '/file-10', 5n],
      ['waiting', '/file-20', 5n],
    ]);
  });

  test('is that it failed', async () => {
    const { begin, states } = running();
    const { outcome, end } = begin(order('a'));
    end.reject(new Error('full'));
    await expect(outcome).rejects.toThrow('full');
    expect(states()).toEqual(['a started', 'a failed']);
  });

  test('is nothing where it is a short one', async () => {
    const { begin, told } = running();
    const { outcome, end } = begin(order('a', false));
    end.resolve('made');
    await outcome;
    expect(told).toEqual([]);
  });
});

describe('a copy whose object is deleted', () => {
  test('is stopped, and nothing works on it when that is told; others go on', async () => {
    const { copies, begin } = running();
    const [one, other] = [begin(order('a')), begin(order('b'))];
    await copies.cancel('a');
    await expect(one.outcome).rejects.toMatchObject({
      kind: 'aborted',
      message: '"a" was deleted while it was being made',
    });
    other.end.resolve('made');
    expect(await other.outcome).toBe('made');
  });

  test('is waited for while it tidies up', async () => {
    const copies = new Copies(1, () => {});
    const tidied = deferred();
    const outcome = copies.run(order('a'), async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await tidied.promise;
      throw signal.reason;
    });
    outcome.catch(() => {});
    let isCancelled = false;
    const cancelling = copies.cancel('a').then(() => {
      isCancelled = true;
    });
    await settled();
    expect(isCancelled).toBe(false);
    tidied.resolve();
    await cancelling;
  });

  test('need not be under way', async () => {
    const { copies, begin } = running();
    await copies.cancel('never');
    const { outcome, end } = begin(order('a'));
    end.resolve('made');
    await outcome;
    await copies.cancel('a');
  });
});

test('when the driver stops, every copy is stopped and none begins any more', async () => {
  const { copies, begin } = running();
  const outcomes = [begin(order('a')).outcome, begin(order('b', false)).outcome];
  await copies.stop();
  for (const outcome of outcomes) {
    await expect(outcome).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the driver is stopping; call again when it is back',
    });
  }
  const work = vi.fn<() => Promise<void>>();
  for (const isLong of [true, false]) {
    const refused = copies.run(order('c', isLong), work);
    await expect(refused).rejects.toEqual(new VolumeError('unavailable', 'the driver is stopping'));
  }
  expect(work).not.toHaveBeenCalled();
});
