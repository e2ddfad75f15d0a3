import { expect, test } from 'vitest';
import { availableBytes, type CapacityQuery } from '../../../src/volume/available-capacity.ts';
import { VolumeError } from '../../../src/volume/errors.ts';
import { fakeNode, here } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };
const query = (changes: Partial<CapacityQuery> = {}): CapacityQuery => ({
  capabilities: [],
  pool: undefined,
  place: undefined,
  ...changes,
});
const GiB = 1024n ** 3n;

test.each<[string, Partial<CapacityQuery>, bigint]>([
  ['any volume', {}, 50n * GiB],
  ['a pool there is', { pool: 'fast' }, 50n * GiB],
  ['a mount volume here', { capabilities: [capability()], place: here }, 50n * GiB],
  ['a pool there is not', { pool: 'slow' }, 0n],
  ['another node', { place: elsewhere }, 0n],
  ['a block volume', { capabilities: [{ accessType: 'block', accessMode: 'SINGLE_NODE_WRITER' }] }, 0n],
])('what is left for %s', async (_, changes, bytes) => {
  expect(await availableBytes(fakeNode().model, query(changes))).toBe(bytes);
});

test('with topology off, the place is not looked at', async () => {
  const { model } = fakeNode({ topology: undefined });
  expect(await availableBytes(model, query({ place: elsewhere }))).toBe(50n * GiB);
});

test('a pool that is not reachable is unavailable, not empty', async () => {
  const { model, pool } = fakeNode();
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  await expect(availableBytes(model, query())).rejects.toMatchObject({ kind: 'unavailable' });
});
