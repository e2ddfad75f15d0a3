import { describe, expect, test } from 'vitest';
import { InWork } from '../../../src/model/state/in-work.ts';
import { deferred } from './fakes/gate.ts';

const nothing = async () => {};

describe('work', () => {
  test('is told while it is under way, and not afterwards', async () => {
    const inWork = new InWork();
    const done = deferred();
    const work = inWork.during('/a', () => done.promise);
    expect([inWork.has('/a'), inWork.has('/b')]).toEqual([true, false]);
    done.resolve();
    await work;
    expect(inWork.has('/a')).toBe(false);
  });

  test('answers what it has come to, and its failure', async () => {
    const inWork = new InWork();
    expect(await inWork.during('/a', async () => 1)).toBe(1);
    const failure = new Error('no');
    await expect(inWork.during(['/a', '/b'], () => Promise.reject(failure))).rejects.toBe(failure);
    expect([inWork.has('/a'), inWork.has('/b')]).toEqual([false, false]);
  });

  test('that overlaps with other work on the same thing ends with the last of them', async () => {
    const inWork = new InWork();
    const done = deferred();
    const work = inWork.during(['/a', '/b'], () => done.promise);
    await inWork.during('/a', nothing);
    expect(inWork.has('/a')).toBe(true);
    done.resolve();
    await work;
    expect([inWork.has('/a'), inWork.has('/b')]).toEqual([false, false]);
  });
});

describe('a watch finds at rest', () => {
  const seen = (act: (inWork: InWork) => Promise<unknown>, before?: (inWork: InWork) => Promise<unknown>) => {
    const inWork = new InWork();
    void before?.(inWork);
    return inWork.watch(async (watch) => {
      await act(inWork);
      return ['/a', '/b'].filter((path) => watch.isAtRest(path));
    });
  };

  test('all that nobody works on', async () => {
    expect(await seen(nothing)).toEqual(['/a', '/b']);
  });

  test('not what is worked on when it begins', async () => {
    expect(await seen(nothing, (inWork) => inWork.during('/a', () => new Promise(() => {})))).toEqual(['/b']);
  });

  test('not what is worked on when it is asked', async () => {
    const act = async (inWork: InWork) => void inWork.during('/a', () => new Promise(() => {}));
    expect(await seen(act)).toEqual(['/b']);
  });

  test('not what was worked on from its beginning to its end meanwhile', async () => {
    expect(await seen((inWork) => inWork.during('/a', nothing))).toEqual(['/b']);
  });

  test('what was worked on before', async () => {
    const inWork = new InWork();
    await inWork.during('/a', nothing);
    expect(await inWork.watch(async (watch) => watch.isAtRest('/a'))).toBe(true);
  });
});

test('a watch that fails tells why', async () => {
  const failure = new Error('no');
  await expect(new InWork().watch(() => Promise.reject(failure))).rejects.toBe(failure);
});
