import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type MountedVolume, withFrozen } from '../../../src/volume/freeze-volumes.ts';
import { mutationSteps } from '../../../src/volume/steps.ts';
import { deferred, failAt, settled } from './fakes/gate.ts';
import { exampleVolume, type FakeModelSettings, fakeNode } from './fakes/model.ts';

const mounted: MountedVolume[] = ['a', 'b'].map((id) => ({ volume: exampleVolume({ id }), path: `/${id}` }));
const paths = ['/a', '/b'];

/** A node, what is frozen and marked on it now, and a cut of both volumes. */
function prepare(settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  for (const path of paths) node.mounts.mountForeign(node.makeDirectory(path));
  const state = () => ({
    frozen: paths.filter((path) => node.mounts.isFrozen(path)),
    marked: [...node.pool.freezeMarks.marked],
  });
  const freeze = <T>(cut: (signal: AbortSignal) => Promise<T>) => withFrozen(node.model, mounted, cut);
  return { ...node, state, freeze };
}

const nothing = { frozen: [], marked: [] };

test('what an earlier cut could not thaw is thawed by the next one', async () => {
  const { mounts, state, freeze } = prepare();
  const broken = vi.spyOn(mounts, 'thaw').mockRejectedValue(new Error('not now'));
  await expect(freeze(async () => {})).rejects.toThrow('not now');
  expect(state()).toEqual({ frozen: paths, marked: ['a', 'b'] });
  broken.mockRestore();
  await freeze(async () => {});
  expect(state()).toEqual(nothing);
});

describe('while a cut runs', () => {
  test('nobody writes to any of the volumes, and that is on the disk; afterwards all is as it was', async () => {
    const { state, freeze } = prepare();
    const during = await freeze(async () => state());
    expect(during).toEqual({ frozen: paths, marked: ['a', 'b'] });
    expect(state()).toEqual(nothing);
  });

  test('it goes through every step; the marks come before the first freeze, and go after the last thaw', async () => {
    const seen: [string, number, number][] = [];
    const { state, freeze } = prepare({
      onStep: (step) => {
        const { frozen, marked } = state();
        seen.push([step, frozen.length, marked.length]);
      },
    });
    await freeze(async () => {});
    expect(seen.map(([step]) => step)).toEqual(mutationSteps.freeze);
    expect(seen.map(([, ...counts]) => counts)).toEqual([
      [0, 2],
      [2, 2],
      [2, 2],
      [0, 2],
      [0, 0],
    ]);
  });

  test('none of them is frozen by another call, which is told so; afterwards it may be', async () => {
    const { model, freeze } = prepare();
    const [first] = mounted;
    if (!first) throw new Error('there are two');
    await freeze(async () => {
      await expect(withFrozen(model, [first], async () => {})).rejects.toMatchObject({
        kind: 'aborted',
        message: 'volume "a" is frozen; call again',
      });
    });
    expect(await withFrozen(model, [first], async () => 'cut')).toBe('cut');
  });
});

test('where nothing is mounted, nothing is frozen or marked', async () => {
  const { model, mounts, state } = prepare();
  const freeze = vi.spyOn(mounts, 'freeze');
  expect(await withFrozen(model, [], async ({ aborted }) => ({ aborted, ...state() }))).toEqual({
    aborted: false,
    ...nothing,
  });
  expect(freeze).not.toHaveBeenCalled();
});

test('what somebody else has frozen stays frozen', async () => {
  const { mounts, state, freeze } = prepare();
  await mounts.freeze('/b');
  await freeze(async () => {});
  expect(state()).toEqual({ frozen: ['/b'], marked: [] });
});

describe('all is thawed, and the marks are gone,', () => {
  const failure = new Error('broken');

  test('when the cut fails', async () => {
    const { state, freeze } = prepare();
    await expect(freeze(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(state()).toEqual(nothing);
  });

  test('when one of them cannot be frozen, and then nothing is cut', async () => {
    const { mounts, state, freeze } = prepare();
    const freezeOne = mounts.freeze.bind(mounts);
    vi.spyOn(mounts, 'freeze').mockImplementation((path) =>
      path === '/b' ? Promise.reject(failure) : freezeOne(path),
    );
    const cut = vi.fn<() => Promise<void>>();
    await expect(freeze(cut)).rejects.toBe(failure);
    expect(cut).not.toHaveBeenCalled();
    expect(state()).toEqual(nothing);
  });

  test.each(['freeze: frozen', 'freeze: cut'] as const)('when something fails at %s', async (step) => {
    const { state, freeze } = prepare({ onStep: failAt(step, failure) });
    await expect(freeze(async () => {})).rejects.toBe(failure);
    expect(state()).toEqual(nothing);
  });
});

test('nothing is frozen that cannot be marked first', async () => {
  const { mounts, pool, model, freeze } = prepare();
  const failure = new Error('read-only');
  vi.spyOn(pool.freezeMarks, 'add').mockRejectedValue(failure);
  const freezing = vi.spyOn(mounts, 'freeze');
  await expect(freeze(async () => {})).rejects.toBe(failure);
  expect(freezing).not.toHaveBeenCalled();
  expect(['a', 'b'].filter((id) => model.frozen.has(id))).toEqual([]);
});

test('where one cannot be thawed, the others are, and the marks stay for the next start', async () => {
  const { mounts, state, freeze } = prepare();
  const failure = new Error('the disk is gone');
  const thaw = mounts.thaw.bind(mounts);
  vi.spyOn(mounts, 'thaw').mockImplementation((path) =>
    path === '/a' ? Promise.reject(failure) : thaw(path),
  );
  await expect(freeze(async () => {})).rejects.toBe(failure);
  expect(state()).toEqual({ frozen: ['/a'], marked: ['a', 'b'] });
});

describe('a cut that takes longer than writers may be kept waiting', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /** A cut that begins, and ends when it is let. */
  async function hangingCut() {
    const node = prepare();
    const [begun, end] = [deferred<AbortSignal>(), deferred()];
    const outcome = node.freeze((signal) => {
      begun.resolve(signal);
      return end.promise;
    });
    outcome.catch(() => {});
    return { ...node, outcome, end, signal: await begun.promise };
  }

  const tooLong = {
    kind: 'precondition',
    message: expect.stringMatching(/^"a", "b" could not be copied within the 10 s .*; unstage first, or /),
  };

  test('is told to stop, and the writers go on though it hangs', async () => {
    const { state, outcome, end, signal } = await hangingCut();
    vi.advanceTimersByTime(9_999);
    expect([signal.aborted, state().frozen]).toEqual([false, paths]);
    vi.advanceTimersByTime(1);
    await settled();
    expect(signal.reason).toMatchObject(tooLong);
    expect(state()).toEqual({ frozen: [], marked: ['a', 'b'] });
    end.reject(signal.reason);
    await expect(outcome).rejects.toMatchObject(tooLong);
    expect(state()).toEqual(nothing);
  });

  test('is not of one instant, and fails even where it came to its end', async () => {
    const { outcome, end } = await hangingCut();
    vi.advanceTimersByTime(10_000);
    end.resolve();
    await expect(outcome).rejects.toMatchObject(tooLong);
  });

  test('is thawed again at its end where that failed the first time', async () => {
    const { mounts, state, outcome, end } = await hangingCut();
    vi.spyOn(mounts, 'thaw').mockRejectedValueOnce(new Error('busy'));
    vi.advanceTimersByTime(10_000);
    await settled();
    expect(state().frozen).toEqual(['/a']);
    end.resolve();
    await expect(outcome).rejects.toMatchObject(tooLong);
    expect(state()).toEqual(nothing);
  });

  test('keeps its marks where thawing fails each time', async () => {
    const { mounts, state, outcome, end } = await hangingCut();
    const failure = new Error('the disk is gone');
    vi.spyOn(mounts, 'thaw').mockRejectedValue(failure);
    vi.advanceTimersByTime(10_000);
    end.resolve();
    await expect(outcome).rejects.toBe(failure);
    expect(state()).toEqual({ frozen: paths, marked: ['a', 'b'] });
  });

  test('is not waited for where it came in time', async () => {
    const { mounts, outcome, end } = await hangingCut();
    end.resolve();
    await outcome;
    const thaw = vi.spyOn(mounts, 'thaw');
    vi.advanceTimersByTime(60_000);
    expect(thaw).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
