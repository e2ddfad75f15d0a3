import { expect, test } from 'vitest';
import type { Deletion } from '../../../src/model/objects/volume.ts';
import { ArchiveExpiry } from '../../../src/model/volumes/archive-expiry.ts';
import { exampleVolume } from './fakes/model.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const deletedAt = Date.parse('2026-01-01T00:00:00Z');

function archived(id: string, expiresAfterMs: number | undefined) {
  const time = (ms: number) => new Date(ms).toISOString();
  const expiresAt = expiresAfterMs === undefined ? undefined : time(deletedAt + expiresAfterMs);
  const deletion: Deletion = { at: time(deletedAt), expiresAt };
  return exampleVolume({ id, deletion });
}

/** Looks at volumes when the clock shows so much after they were deleted. */
const lookAt = (
  expiry: ArchiveExpiry,
  volumes: ReturnType<typeof archived>[],
  afterMs: number,
  monotonicMs: number,
) => expiry.look(volumes, new Date(deletedAt + afterMs), monotonicMs);

test('a volume is announced when it has expired, and due an hour later', () => {
  const volume = archived('a', 30 * DAY_MS);
  const expiry = new ArchiveExpiry();
  const look = (afterMs: number, monotonicMs: number) => lookAt(expiry, [volume], afterMs, monotonicMs);
  expect(look(29 * DAY_MS, 0)).toEqual({ expired: [], due: [], nextMs: DAY_MS });
  expect(look(30 * DAY_MS, DAY_MS)).toEqual({ expired: [volume], due: [], nextMs: HOUR_MS });
  expect(look(30 * DAY_MS + 1, DAY_MS + 1)).toEqual({ expired: [], due: [], nextMs: HOUR_MS - 1 });
  expect(look(30 * DAY_MS + HOUR_MS, DAY_MS + HOUR_MS)).toMatchObject({ expired: [], due: [volume] });
});

test('a volume that expired while no driver ran is due after the grace', () => {
  const volume = archived('a', 30 * DAY_MS);
  const expiry = new ArchiveExpiry();
  expect(lookAt(expiry, [volume], 40 * DAY_MS, 0)).toEqual({ expired: [volume], due: [], nextMs: HOUR_MS });
  expect(lookAt(expiry, [volume], 40 * DAY_MS + HOUR_MS, HOUR_MS).due).toEqual([volume]);
});

test('a short time has a short grace', () => {
  expect(lookAt(new ArchiveExpiry(), [archived('a', 1000)], 1000, 0).nextMs).toBe(100);
});

test('a clock that jumps ahead removes nothing while the driver runs', () => {
  const volume = archived('a', 30 * DAY_MS);
  const expiry = new ArchiveExpiry();
  const look = (afterMs: number, monotonicMs: number) => lookAt(expiry, [volume], afterMs, monotonicMs);
  look(DAY_MS, 0);
  expect(look(1000 * DAY_MS, DAY_MS)).toMatchObject({ expired: [volume], due: [] });
  expect(look(1020 * DAY_MS, 29 * DAY_MS).due).toEqual([]);
  expect(look(1020 * DAY_MS, 29 * DAY_MS + HOUR_MS).due).toEqual([volume]);
});

test('a clock that was ahead at the start, and is put right within the grace, removes nothing, later neither', () => {
  const volume = archived('a', 30 * DAY_MS);
  const expiry = new ArchiveExpiry();
  const look = (afterMs: number, monotonicMs: number) => lookAt(expiry, [volume], afterMs, monotonicMs);
  expect(look(1000 * DAY_MS, 0).expired).toEqual([volume]);
  expect(look(DAY_MS, HOUR_MS / 2)).toMatchObject({ expired: [], due: [] });
  expect(look(1000 * DAY_MS, 2 * HOUR_MS)).toMatchObject({ expired: [volume], due: [] });
});

test('a volume that was restored and deleted again has its whole time', () => {
  const expiry = new ArchiveExpiry();
  lookAt(expiry, [archived('a', 30 * DAY_MS)], 30 * DAY_MS, 0);
  const again = archived('a', 31 * DAY_MS);
  expect(lookAt(expiry, [again], 31 * DAY_MS, HOUR_MS)).toMatchObject({ expired: [again], due: [] });
});

test('a volume without an expiry, or retained by an older driver, is never due', () => {
  const volumes = [archived('a', undefined), exampleVolume({ id: 'b' })];
  expect(lookAt(new ArchiveExpiry(), volumes, 10_000 * DAY_MS, 0)).toEqual({
    expired: [],
    due: [],
    nextMs: Infinity,
  });
});
