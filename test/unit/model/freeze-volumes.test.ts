import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withFrozen } from '../../../src/model/copying/freeze-volumes.ts';
import type { MountedVolume } from '../../../src/model/copying/marked-freeze.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { deferred, failAt, settled } from './fakes/gate.ts';
import { exampleVolume, type FakeModelSettings, type FakeNode, fakeNode } from './fakes/model.ts';

const paths = ['/a', '/b'];

/** A node, the frozen and marked volumes on it, and a copy of both. */
async function prepare(settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const one = await heldVolume(node, 'a');
  const other = await heldVolume(node, 'b');
  const state = () => ({
    frozen: paths.filter((path) => node.mounts.isFrozen(path)),
    marked: [...node.pool.freezeMarks.marked],
  });
  const stop = new AbortController();
  const freeze = <T>(cut: (signal: AbortSignal) => Promise<T>) =>
    withFrozen(node.model, [one, other], stop.signal, cut);
  return { ...node, one, other, state, stop, freeze };
}

async function heldVolume({ mounts, makeDirectory }: FakeNode, id: string): Promise<MountedVolume> {
  const path = makeDirectory(`/${id}`);
  mounts.mountForeign(path);
  const device = { path: `/dev/${id}`, number: (await mounts.deviceAt(path)) ?? '' };
  const fileSystem = await mounts.hold(path, device);
  if (!fileSystem) throw new Error(`${id} is not mounted`);
  return { volume: exampleVolume({ id }), fileSystem };
}

const nothing = { frozen: [], marked: [] };

test('a file system that an earlier copy could not thaw is thawed by the next one', async () => {
  const { one, state, freeze } = await prepare();
  vi.spyOn(one.fileSystem, 'thaw').mockRejectedValueOnce(new Error('not now'));
  await expect(freeze(async () => {})).rejects.toThrow('not now');
  expect(state()).toEqual({ frozen: ['/a'], marked: ['a'] });
  await freeze(async () => {});
  expect(state()).toEqual(nothing);
});

describe('while a copy runs', () => {
  test('no volume is written to, and all data is on the disk; afterwards everything is as before', async () => {
    const { state, freeze } = await prepare();
    const during = await freeze(async () => state());
    expect(during).toEqual({ frozen: paths, marked: ['a', 'b'] });
    expect(state()).toEqual(nothing);
  });

  test('it goes through every step; the marks are made before the first freeze, and removed after the last thaw', async () => {
    const seen: [string, number, number][] = [];
    const { state, freeze } = await prepare({
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

  test('another call cannot freeze them, and reports that; afterwards it can', async () => {
    const { model, one, stop, freeze } = await prepare();
    const again = () => withFrozen(model, [one], stop.signal, async () => 'cut');
    const aborted = { kind: 'aborted', message: 'volume "a" is frozen; retry later' };
    await freeze(() => expect(again()).rejects.toMatchObject(aborted));
    expect(await again()).toBe('cut');
  });

  test('a volume that is being thawed for an earlier copy is not frozen: the thaw would end the freeze', async () => {
    const { model, state, freeze } = await prepare();
    await model.holds.thawing.during('b', async () => {
      await expect(freeze(async () => {})).rejects.toMatchObject({ kind: 'aborted' });
    });
    expect(state()).toEqual(nothing);
  });
});

test('if nothing is mounted, nothing is frozen or marked', async () => {
  const { model, state, stop } = await prepare();
  expect(await withFrozen(model, [], stop.signal, async () => state())).toEqual(nothing);
});

test('a file system frozen by another program stays frozen', async () => {
  const { other, state, freeze } = await prepare();
  await other.fileSystem.freeze();
  await freeze(async () => {});
  expect(state()).toEqual({ frozen: ['/b'], marked: [] });
});

describe('everything is thawed, and the marks are removed,', () => {
  const failure = new Error('broken');

  test('when the copy fails', async () => {
    const { state, freeze } = await prepare();
    await expect(freeze(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(state()).toEqual(nothing);
  });

  test('when one of them cannot be frozen, and then nothing is copied', async () => {
    const { other, state, freeze } = await prepare();
    vi.spyOn(other.fileSystem, 'freeze').mockRejectedValue(failure);
    const cut = vi.fn<() => Promise<void>>();
    await expect(freeze(cut)).rejects.toBe(failure);
    expect(cut).not.toHaveBeenCalled();
    expect(state()).toEqual(nothing);
  });

  test.each(['freeze: frozen', 'freeze: cut'] as const)('when something fails at %s', async (step) => {
    const { state, freeze } = await prepare({ onStep: failAt(step, failure) });
    await expect(freeze(async () => {})).rejects.toBe(failure);
    expect(state()).toEqual(nothing);
  });
});

test('no file system is frozen without a mark', async () => {
  const { one, pool, model, freeze } = await prepare();
  const failure = new Error('read-only');
  vi.spyOn(pool.freezeMarks, 'add').mockRejectedValue(failure);
  const freezing = vi.spyOn(one.fileSystem, 'freeze');
  await expect(freeze(async () => {})).rejects.toBe(failure);
  expect(freezing).not.toHaveBeenCalled();
  expect(['a', 'b'].filter((id) => model.holds.freezing.has(id))).toEqual([]);
});

test('if one cannot be thawed, the others are, and only its mark stays', async () => {
  const { one, state, freeze } = await prepare();
  const failure = new Error('the disk is gone');
  vi.spyOn(one.fileSystem, 'thaw').mockRejectedValue(failure);
  await expect(freeze(async () => {})).rejects.toBe(failure);
  expect(state()).toEqual({ frozen: ['/a'], marked: ['a'] });
});

describe('a mark', () => {
  test('that cannot be removed leaves the copy complete and nothing frozen; the next copy removes it', async () => {
    const { pool, state, freeze } = await prepare();
    vi.spyOn(pool.freezeMarks, 'remove').mockRejectedValueOnce(new Error('the disk reports an error'));
    expect(await freeze(async () => 'cut')).toBe('cut');
    expect(state()).toEqual({ frozen: [], marked: ['a', 'b'] });
    await freeze(async () => {});
    expect(state()).toEqual(nothing);
  });

  test('of an earlier copy stays if its file system could not be reached', async () => {
    const { one, pool, state, freeze } = await prepare();
    await pool.freezeMarks.add(['b']);
    vi.spyOn(one.fileSystem, 'freeze').mockRejectedValue(new Error('broken'));
    await expect(freeze(async () => {})).rejects.toThrow('broken');
    expect(state()).toEqual({ frozen: [], marked: ['b'] });
  });
});

describe('a copy that takes longer than writers may be blocked', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /** A copy that begins, and ends when it is released. */
  async function hangingCut() {
    const node = await prepare();
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
    message: expect.stringMatching(/^copying "a", "b" took longer than 10 s, .*; unstage first, or /),
  };

  test('is asked to stop, and the writers go on even if it hangs', async () => {
    const { state, outcome, end, signal } = await hangingCut();
    vi.advanceTimersByTime(9_999);
    expect([signal.aborted, state().frozen]).toEqual([false, paths]);
    vi.advanceTimersByTime(1);
    await settled();
    expect(signal.reason).toMatchObject(tooLong);
    expect(state()).toEqual(nothing);
    end.reject(signal.reason);
    await expect(outcome).rejects.toMatchObject(tooLong);
  });

  test('is thawed at once, too, when it is stopped', async () => {
    const { state, outcome, end, stop, signal } = await hangingCut();
    const reason = new Error('the driver is stopping');
    stop.abort(reason);
    await settled();
    expect([signal.reason, state()]).toEqual([reason, nothing]);
    end.resolve();
    await expect(outcome).rejects.toBe(reason);
  });

  test('is thawed once, even if it ends while the limit thaws it', async () => {
    const { one, outcome, end } = await hangingCut();
    const thawed = deferred<boolean>();
    const thaw = vi.spyOn(one.fileSystem, 'thaw').mockReturnValue(thawed.promise);
    vi.advanceTimersByTime(10_000);
    end.resolve();
    await settled();
    thawed.resolve(true);
    await expect(outcome).rejects.toMatchObject(tooLong);
    expect(thaw).toHaveBeenCalledTimes(1);
  });

  test('is thawed in time even if another file system takes long to freeze', async () => {
    const { other, state, freeze } = await prepare();
    const frozen = deferred<boolean>();
    vi.spyOn(other.fileSystem, 'freeze').mockReturnValue(frozen.promise);
    const thaw = vi.spyOn(other.fileSystem, 'thaw');
    const cut = vi.fn<() => Promise<void>>();
    const outcome = freeze(cut);
    outcome.catch(() => {});
    await settled();
    expect(state().frozen).toEqual(['/a']);
    vi.advanceTimersByTime(10_000);
    await settled();
    expect([state().frozen, thaw.mock.calls.length]).toEqual([[], 0]);
    frozen.resolve(true);
    await expect(outcome).rejects.toMatchObject(tooLong);
    expect([thaw.mock.calls.length, cut.mock.calls.length]).toEqual([1, 0]);
    expect(state()).toEqual(nothing);
  });

  test('is not of one instant, and fails even if it completed', async () => {
    const { outcome, end } = await hangingCut();
    vi.advanceTimersByTime(10_000);
    end.resolve();
    await expect(outcome).rejects.toMatchObject(tooLong);
  });

  test('is thawed again at its end if the first thaw failed', async () => {
    const { one, state, outcome, end } = await hangingCut();
    vi.spyOn(one.fileSystem, 'thaw').mockRejectedValueOnce(new Error('busy'));
    vi.advanceTimersByTime(10_000);
    await settled();
    expect(state().frozen).toEqual(['/a']);
    end.resolve();
    await expect(outcome).rejects.toMatchObject(tooLong);
    expect(state()).toEqual(nothing);
  });

  test('keeps its mark if thawing fails each time', async () => {
    const { one, state, outcome, end } = await hangingCut();
    const failure = new Error('the disk is gone');
    vi.spyOn(one.fileSystem, 'thaw').mockRejectedValue(failure);
    vi.advanceTimersByTime(10_000);
    end.resolve();
    await expect(outcome).rejects.toBe(failure);
    expect(state()).toEqual({ frozen: ['/a'], marked: ['a'] });
  });

  test('is not waited for if it ended in time', async () => {
    const { one, outcome, end } = await hangingCut();
    end.resolve();
    await outcome;
    const thaw = vi.spyOn(one.fileSystem, 'thaw');
    vi.advanceTimersByTime(60_000);
    expect(thaw).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
