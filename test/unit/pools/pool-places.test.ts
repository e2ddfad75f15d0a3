import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { PoolPlaces } from '../../../src/pools/pool-places.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const hangs = () => new Promise<void>(() => {});
const hung = new VolumeError('unavailable', 'may hang');

test('are limited, and go to those who return before those who enter', async () => {
  const places = new PoolPlaces(2, () => hung, hangs);
  const taken: string[] = [];
  await Promise.all([places.take(), places.take()]);
  const all = [
    places.take().then(() => taken.push('entered')),
    places.take().then(() => taken.push('entered later')),
    places.retake().then(() => taken.push('returned')),
  ];
  await vi.advanceTimersByTimeAsync(7000);
  expect(taken).toEqual([]);
  for (let count = 1; count <= 3; count++) {
    places.release();
    await vi.advanceTimersByTimeAsync(0);
    expect(taken).toHaveLength(count);
  }
  await Promise.all(all);
  expect(taken).toEqual(['returned', 'entered', 'entered later']);
});

test('are waited for while any becomes free, though it goes to others', async () => {
  const places = new PoolPlaces(1, () => hung, hangs);
  await places.take();
  const entering = expect(places.take()).rejects.toBe(hung);
  const returning = [1, 2, 3].map(() => places.retake());
  for (const returned of returning) {
    await vi.advanceTimersByTimeAsync(7000);
    places.release();
    await returned;
  }
  await vi.advanceTimersByTimeAsync(7000);
  await vi.advanceTimersByTimeAsync(1000);
  await entering;
});
