import { expect, test } from 'vitest';
import { FairSlots, type Share, walkSlotsFor } from '../../../src/kernel/trees/fair-slots.ts';
import { settled } from '../model/fakes/gate.ts';

const never = () => new AbortController().signal;

/** Asks for places in a share. @returns the names that got one, in order */
function asking(log: string[]) {
  return (name: string, share: Share, count = 1) => {
    for (let index = 0; index < count; index++) {
      share.acquire().then(
        () => log.push(name),
        (reason: unknown) => log.push(`${name}: ${reason}`),
      );
    }
  };
}

/** The number of places when a share wants more than there can be. */
async function taken(places: FairSlots, shareCount: number): Promise<number> {
  const log: string[] = [];
  for (let index = 0; index < shareCount; index++) asking(log)(`${index}`, places.share(never()), 100);
  await settled();
  return log.length;
}

test('a hanging task has no more than its limit, and the others go on', async () => {
  const places = new FairSlots(8, 3);
  const log: string[] = [];
  const ask = asking(log);
  ask('hanging', places.share(never()), 100);
  const other = places.share(never());
  for (let index = 0; index < 50; index++) await other.run(async () => log.push('other'));
  expect(log.filter((name) => name === 'hanging')).toHaveLength(3);
  expect(log.filter((name) => name === 'other')).toHaveLength(50);
});

test('free places are given out in turn', async () => {
  const places = new FairSlots(1, 1);
  const first = places.share(never());
  await first.acquire();
  const log: string[] = [];
  const ask = asking(log);
  const [many, few] = [places.share(never()), places.share(never())];
  ask('many', many, 3);
  ask('few', few, 2);
  for (const share of [first, many, few, many, few]) {
    share.release();
    await settled();
  }
  expect(log).toEqual(['many', 'few', 'many', 'few', 'many']);
});

test('failing work gives its place back', async () => {
  const share = new FairSlots(1, 1).share(never());
  const failure = new Error('no luck');
  await expect(share.run(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(await share.run(async () => 'next')).toBe('next');
});

test('a stopped task no longer waits, and takes no place', async () => {
  const places = new FairSlots(1, 1);
  const first = places.share(never());
  await first.acquire();
  const stop = new AbortController();
  const stopped = places.share(stop.signal);
  const log: string[] = [];
  const ask = asking(log);
  ask('stopped', stopped, 2);
  ask('last', places.share(never()));
  stop.abort('not wanted');
  await settled();
  expect(log).toEqual(['stopped: not wanted', 'stopped: not wanted']);
  first.release();
  await settled();
  expect(log.at(-1)).toBe('last');
  await expect(stopped.acquire()).rejects.toBe('not wanted');
});

test.each([
  [192, 8, 48],
  [128, 5, 32],
  [16, 1, 4],
  [4, 1, 1],
  [1, 1, 1],
])('of %i threads a walk has %i at most, and all walks %i', async (threads, each, all) => {
  expect(await taken(walkSlotsFor(threads), 1)).toBe(each);
  expect(await taken(walkSlotsFor(threads), 100)).toBe(all);
});
