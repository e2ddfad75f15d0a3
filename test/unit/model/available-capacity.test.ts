import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import {
  type AvailableCapacity,
  availableCapacity,
  type CapacityQuery,
} from '../../../src/model/volumes/available-capacity.ts';
import { type FakeModelSettings, fakeNode, here } from './fakes/model.ts';
import { blockCapability, capability } from './fakes/requests.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };
const query = (changes: Partial<CapacityQuery> = {}): CapacityQuery => ({
  capabilities: [],
  pool: undefined,
  wish: { backend: 'auto', enforceCapacity: 'auto' },
  place: undefined,
  ...changes,
});
const GiB = 1024n ** 3n;
const nothing: AvailableCapacity = { availableBytes: 0n, maximumVolumeBytes: 0n, minimumVolumeBytes: 0n };
const image = { backend: 'image', enforceCapacity: 'auto' } as const;
const limited = { backend: 'directory', enforceCapacity: 'required' } as const;

async function capacityFor(changes: Partial<CapacityQuery>, settings: FakeModelSettings = {}) {
  return availableCapacity(fakeNode(settings).model, query(changes));
}

test.each<[string, Partial<CapacityQuery>, bigint]>([
  ['any volume', {}, 1n],
  ['a pool there is', { pool: 'fast' }, 1n],
  ['a mount volume here', { capabilities: [capability()], place: here }, 1n],
  ['a block volume', { capabilities: [blockCapability()] }, 1n],
  ['an image', { wish: image }, 16n],
  ['an image with xfs', { wish: image, capabilities: [{ ...capability(), fsType: 'xfs' }] }, 300n],
])('what is left for %s, and the smallest there may be', async (_, changes, minimumVolumeBytes) => {
  expect(await capacityFor(changes)).toEqual({
    availableBytes: 50n * GiB,
    maximumVolumeBytes: 50n * GiB,
    minimumVolumeBytes,
  });
});

test.each<[string, Partial<CapacityQuery>, FakeModelSettings?]>([
  ['in a pool there is not', { pool: 'slow' }],
  ['on another node', { place: elsewhere }],
  ['that are mounted and block devices', { capabilities: [capability(), blockCapability()] }],
  [
    'as block devices, where files cannot be attached',
    { capabilities: [blockCapability()] },
    { hasImages: false },
  ],
  ['as images, where files cannot be attached', { wish: image }, { hasImages: false }],
  ['as directories held to their size, where there is no quota', { wish: limited }],
])('nothing is left for volumes %s', async (_, changes, settings) => {
  expect(await capacityFor(changes, settings)).toEqual(nothing);
});

test('directories are held to their size where there is a quota', async () => {
  const { availableBytes } = await capacityFor({ wish: limited }, { directories: { backend: 'quota' } });
  expect(availableBytes).toBe(50n * GiB);
});

test('the largest volume is never larger than there is room for, or than may be', async () => {
  expect((await capacityFor({}, { maximumVolumeBytes: 7n })).maximumVolumeBytes).toBe(7n);
  expect((await capacityFor({}, { capacityBytes: 5n, maximumVolumeBytes: 7n })).maximumVolumeBytes).toBe(5n);
});

test('a class is asked about by its name, and without one the one with the most room', async () => {
  const settings = { classes: { gold: 5n, silver: 9n } };
  expect((await capacityFor({ pool: 'gold' }, settings)).availableBytes).toBe(5n);
  expect((await capacityFor({}, settings)).availableBytes).toBe(9n);
  expect((await capacityFor({ pool: 'default' }, settings)).availableBytes).toBe(50n * GiB);
});

test('with topology off, the place is not looked at', async () => {
  const { availableBytes } = await capacityFor({ place: elsewhere }, { topology: undefined });
  expect(availableBytes).toBe(50n * GiB);
});

test('a pool that is not reachable is unavailable, not empty', async () => {
  const { model, pool } = fakeNode();
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  await expect(availableCapacity(model, query())).rejects.toMatchObject({ kind: 'unavailable' });
});
