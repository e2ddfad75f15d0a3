import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import type { CopyControl } from '../../../src/model/ports/ports.ts';
import {
  Copies,
  type CopyProgress,
  type CopyRequest,
  type WaitOutside,
} from '../../../src/model/state/copies.ts';
import { deferred, settled } from './fakes/gate.ts';

const order = (id: string, isLong = true): CopyRequest => ({
  id,
  from: `source of ${id}`,
  pool: 'default',
  isLong,
});

/** Copies, their reports, and a way to run one that ends when it is released or stopped. */
function running(limit = 2) {
  const reports: CopyProgress[] = [];
  const copies = new Copies(limit, (progress) => reports.push(progress));
  const begin = (copyOrder: CopyRequest) => {
    const end = deferred<string>();
    let control: CopyControl | undefined;
    const outcome = copies.run(copyOrder, (given) => {
      control = given;
      given.signal.addEventListener('abort', () => end.reject(given.signal.reason));
      return end.promise;
    });
    // The outcome may be checked later.
    outcome.catch(() => {});
    return {
      outcome,
      end,
      onBytes: (bytes: bigint) => control?.onBytes(bytes),
      onWait: (file: string) => control?.onWait(file),
    };
  };
  return { copies, begin, reports, states: () => reports.map(({ id, state }) => `${id} ${state}`) };
}

/** Objects with long copies, which end when they are released. */
function turns(limit: number) {
  const { copies, begin } = running(limit);
  const begun: string[] = [];
  const make = (id: string, gone?: AbortSignal) => {
    const waiting = deferred();
    const waitOutside: WaitOutside = (wait) => {
      waiting.resolve();
      return wait(gone);
    };
    const started = deferred<ReturnType<typeof begin>>();
    const outcome = copies.inTurn(`source of ${id}`, waitOutside, () => {
      begun.push(id);
      const copy = begin(order(id));
      started.resolve(copy);
      return copy.outcome;
    });
    // The outcome may be checked later.
    outcome.catch(() => {});
    return { outcome, waiting: waiting.promise, started: started.promise };
  };
  return { copies, begin, begun, make };
}

const tooMany = {
  kind: 'aborted',
  message: 'cannot copy "source of b": too many copies in progress (limit 1); retry later',
};

describe('turns of long copies', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('are given in order, to as many at once as the limit says; short copies need none', async () => {
    const { begin, begun, make } = turns(2);
    const all = ['a', 'b', 'c', 'd'].map((id) => make(id));
    const short = begin(order('short', false));
    short.end.resolve('short');
    expect(await short.outcome).toBe('short');
    expect(begun).toEqual(['a', 'b']);
    (await all[1]?.started)?.end.resolve('made');
    await all[2]?.started;
    expect(begun).toEqual(['a', 'b', 'c']);
    // Also after a failure.
    (await all[0]?.started)?.end.reject(new Error('full'));
    await all[3]?.started;
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  test('come in time for all of many short waits', async () => {
    const { begun, make } = turns(1);
    const all = Array.from({ length: 2000 }, (_, index) => make(`${index}`));
    for (const { started } of all) {
      const copy = await started;
      vi.advanceTimersByTime(1000);
      copy.end.resolve('made');
    }
    await Promise.all(all.map(({ outcome }) => outcome));
    expect(begun).toEqual(all.map((_, index) => `${index}`));
  });

  test('are waited for in vain while none ends for eight seconds', async () => {
    const { begun, make } = turns(1);
    const first = await make('a').started;
    const refused = expect(make('b').outcome).rejects.toMatchObject(tooMany);
    await vi.advanceTimersByTimeAsync(8000);
    await refused;
    const next = make('c');
    first.end.resolve('made');
    await next.started;
    expect(begun).toEqual(['a', 'c']);
  });

  test('are not waited for without a caller', async () => {
    const { begun, make } = turns(1);
    const first = await make('a').started;
    const gone = new AbortController();
    const [left, next] = [make('b', gone.signal), make('c')];
    const refused = expect(left.outcome).rejects.toThrow('gone');
    gone.abort(new Error('gone'));
    await refused;
    first.end.resolve('made');
    await next.started;
    expect(begun).toEqual(['a', 'c']);
  });

  test('are not lost if the way back fails', async () => {
    const { copies, make, begun } = turns(1);
    const first = await make('a').started;
    const lost = copies.inTurn(
      'x',
      async (wait) => {
        await wait();
        throw new Error('no place');
      },
      async () => begun.push('never'),
    );
    const failed = expect(lost).rejects.toThrow('no place');
    first.end.resolve('made');
    await failed;
    await make('b').started;
    expect(begun).toEqual(['a', 'b']);
  });

  test('are lent to others by a copy that waits for a file, up to four copies for each turn', async () => {
    const { begun, make } = turns(1);
    const copies = ['a', 'b', 'c', 'd', 'e'].map((id) => make(id));
    for (const { started } of copies.slice(0, 4)) (await started).onWait('/leased');
    await settled();
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    (await copies[3]?.started)?.end.resolve('made');
    await copies[4]?.started;
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    // They have not reported for a while that they wait.
    vi.advanceTimersByTime(5000);
    const last = make('f');
    await last.waiting;
    (await copies[4]?.started)?.end.resolve('made');
    await settled();
    expect(begun).toHaveLength(5);
  });
});

describe('the reports of a long copy', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('include its start and its end, with the bytes copied and the duration', async () => {
    const { begin, reports } = running();
    const { outcome, end, onBytes } = begin(order('a'));
    onBytes(5n);
    onBytes(6n);
    vi.advanceTimersByTime(1500);
    end.resolve('made');
    await outcome;
    expect(reports).toEqual([
      { id: 'a', from: 'source of a', state: 'started', copiedBytes: 0n, durationMs: 0 },
      { id: 'a', from: 'source of a', state: 'done', copiedBytes: 11n, durationMs: 1500 },
    ]);
  });

  test('include its progress, every ten seconds', async () => {
    const { begin, reports } = running();
    const { onBytes } = begin(order('a'));
    for (let second = 1; second <= 21; second++) {
      vi.advanceTimersByTime(1000);
      onBytes(1n);
    }
    expect(reports.map(({ state, copiedBytes, durationMs }) => [state, copiedBytes, durationMs])).toEqual([
      ['started', 0n, 0],
      ['running', 10n, 10_000],
      ['running', 20n, 20_000],
    ]);
  });

  test('include the file it waits for, every ten seconds while it waits', async () => {
    const { begin, reports } = running();
    const { onBytes, onWait } = begin(order('a'));
    onBytes(5n);
    for (let second = 1; second <= 21; second++) {
      vi.advanceTimersByTime(1000);
      onWait(`/file-${second}`);
    }
    expect(reports.map(({ state, file, copiedBytes }) => [state, file, copiedBytes])).toEqual([
      ['started', undefined, 0n],
      ['waiting', '/file-10', 5n],
      ['waiting', '/file-20', 5n],
    ]);
  });

  test('include its failure', async () => {
    const { begin, states } = running();
    const { outcome, end } = begin(order('a'));
    end.reject(new Error('full'));
    await expect(outcome).rejects.toThrow('full');
    expect(states()).toEqual(['a started', 'a failed']);
  });

  test('are omitted for a short one', async () => {
    const { begin, reports } = running();
    const { outcome, end } = begin(order('a', false));
    end.resolve('made');
    await outcome;
    expect(reports).toEqual([]);
  });
});

describe('the progress of copies', () => {
  test('is that of each long copy until it ends', async () => {
    const { copies, begin } = running();
    const { outcome, end, onBytes, onWait } = begin(order('a'));
    begin(order('b', false));
    const state = {
      id: 'a',
      from: 'source of a',
      pool: 'default',
      copiedBytes: 0n,
      expectedBytes: undefined,
      isWaiting: false,
    };
    expect(copies.running).toEqual([state]);
    copies.expect('a', 60n);
    copies.expect('a', 40n);
    copies.expect('unknown', 1n);
    onBytes(5n);
    onWait('/leased');
    expect(copies.running).toEqual([{ ...state, copiedBytes: 5n, expectedBytes: 100n, isWaiting: true }]);
    end.resolve('made');
    await outcome;
    expect(copies.running).toEqual([]);
  });

  test('is known from the first moment of the work', async () => {
    const { copies } = running();
    await copies.run(order('a'), async () => {
      copies.expect('a', 7n);
      expect(copies.running).toMatchObject([{ expectedBytes: 7n }]);
    });
  });

  test('is summed up for each pool: copied bytes, and the ends of long copies', async () => {
    const { copies, begin } = running();
    const other = { ...order('c'), pool: 'fast' };
    const ends = [begin(order('a')), begin(order('b', false)), begin(other)];
    for (const [index, { onBytes }] of ends.entries()) onBytes(BigInt(index + 1));
    for (const { end } of ends.slice(0, 2)) end.resolve('made');
    ends[2]?.end.reject(new Error('full'));
    await Promise.allSettled(ends.map(({ outcome }) => outcome));
    expect(copies.totalsOf('default')).toEqual({ done: 1, failed: 0, copiedBytes: 3n });
    expect(copies.totalsOf('fast')).toEqual({ done: 0, failed: 1, copiedBytes: 3n });
    expect(copies.totalsOf('never used')).toEqual({ done: 0, failed: 0, copiedBytes: 0n });
  });
});

describe('a copy whose object is deleted', () => {
  test('is stopped, and has ended when the delete continues; others go on', async () => {
    const { copies, begin } = running();
    const [one, other] = [begin(order('a')), begin(order('b'))];
    await copies.cancel('a');
    await expect(one.outcome).rejects.toMatchObject({
      kind: 'aborted',
      message: '"a" was deleted during its creation',
    });
    other.end.resolve('made');
    expect(await other.outcome).toBe('made');
  });

  test('is waited for while it cleans up', async () => {
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

  test('need not be running', async () => {
    const { copies, begin } = running();
    await copies.cancel('never');
    const { outcome, end } = begin(order('a'));
    end.resolve('made');
    await outcome;
    await copies.cancel('a');
  });
});

test('when the driver stops, those that wait for a turn are refused', async () => {
  const { copies, make } = turns(1);
  const first = await make('a').started;
  const refused = expect(make('b').outcome).rejects.toMatchObject({ kind: 'unavailable' });
  first.end.resolve('made');
  await copies.stop();
  await refused;
});

test('when the driver stops, every copy is stopped and no new one begins', async () => {
  const { copies, begin } = running();
  const outcomes = [begin(order('a')).outcome, begin(order('b', false)).outcome];
  await copies.stop();
  for (const outcome of outcomes) {
    await expect(outcome).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the driver is stopping; retry after its restart',
    });
  }
  const work = vi.fn<() => Promise<void>>();
  const refused = [
    copies.run(order('c'), work),
    copies.run(order('c', false), work),
    copies.inTurn('c', (wait) => wait(), work),
  ];
  for (const outcome of refused) {
    await expect(outcome).rejects.toEqual(new VolumeError('unavailable', 'the driver is stopping'));
  }
  expect(work).not.toHaveBeenCalled();
});
