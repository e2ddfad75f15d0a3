import { describe, expect, test } from 'vitest';
import { Activity } from '../../../src/model/state/activity.ts';
import { deferred } from './fakes/gate.ts';

const nothing = async () => {};

describe('work', () => {
  test('is listed while it runs, and not afterwards', async () => {
    const activity = new Activity();
    const done = deferred();
    const work = activity.during('/a', () => done.promise);
    expect([activity.has('/a'), activity.has('/b')]).toEqual([true, false]);
    done.resolve();
    await work;
    expect(activity.has('/a')).toBe(false);
  });

  test('returns its result, or its failure', async () => {
    const activity = new Activity();
    expect(await activity.during('/a', async () => 1)).toBe(1);
    const failure = new Error('no');
    await expect(activity.during(['/a', '/b'], () => Promise.reject(failure))).rejects.toBe(failure);
    expect([activity.has('/a'), activity.has('/b')]).toEqual([false, false]);
  });

  test('that overlaps with other work on the same thing ends with the last of them', async () => {
    const activity = new Activity();
    const done = deferred();
    const work = activity.during(['/a', '/b'], () => done.promise);
    await activity.during('/a', nothing);
    expect(activity.has('/a')).toBe(true);
    done.resolve();
    await work;
    expect([activity.has('/a'), activity.has('/b')]).toEqual([false, false]);
  });
});

describe('a watch finds idle', () => {
  const seen = (
    act: (activity: Activity) => Promise<unknown>,
    before?: (activity: Activity) => Promise<unknown>,
  ) => {
    const activity = new Activity();
    void before?.(activity);
    return activity.watch(async (watch) => {
      await act(activity);
      return ['/a', '/b'].filter((path) => watch.isAtRest(path));
    });
  };

  test('everything without work on it', async () => {
    expect(await seen(nothing)).toEqual(['/a', '/b']);
  });

  test('but nothing with work when the watch begins', async () => {
    expect(await seen(nothing, (activity) => activity.during('/a', () => new Promise(() => {})))).toEqual([
      '/b',
    ]);
  });

  test('but nothing with work when the watch is asked', async () => {
    const act = async (activity: Activity) => void activity.during('/a', () => new Promise(() => {}));
    expect(await seen(act)).toEqual(['/b']);
  });

  test('but nothing with work that began and ended during the watch', async () => {
    expect(await seen((activity) => activity.during('/a', nothing))).toEqual(['/b']);
  });

  test('everything with work before the watch', async () => {
    const activity = new Activity();
    await activity.during('/a', nothing);
    expect(await activity.watch(async (watch) => watch.isAtRest('/a'))).toBe(true);
  });
});

test('a failing watch fails with its cause', async () => {
  const failure = new Error('no');
  await expect(new Activity().watch(() => Promise.reject(failure))).rejects.toBe(failure);
});

test('the work on a key that runs now is settled when all of it has ended, even if it failed', async () => {
  const activity = new Activity();
  const [first, second] = [deferred(), deferred()];
  const work = [first, second].map(({ promise }) => activity.during('/a', () => promise));
  let isSettled = false;
  const settled = activity.settled('/a').then(() => {
    isSettled = true;
  });
  first.resolve();
  await work[0];
  expect([isSettled, activity.count]).toEqual([false, 1]);
  second.resolve();
  await settled;
  expect([isSettled, activity.count]).toEqual([true, 0]);
  await activity.settled('/a');
});

test('turns for one key come one after the other, also after a failure', async () => {
  const activity = new Activity();
  const order: string[] = [];
  const done = deferred();
  const failing = activity.inTurn('/a', async () => {
    await done.promise;
    order.push('first');
    throw new Error('no');
  });
  const second = activity.inTurn('/a', async () => void order.push('second'));
  await activity.inTurn('/b', async () => void order.push('other key'));
  done.resolve();
  await expect(failing).rejects.toThrow('no');
  await second;
  expect(order).toEqual(['other key', 'first', 'second']);
});
