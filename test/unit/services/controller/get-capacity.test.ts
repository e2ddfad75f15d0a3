import { expect, test } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import type { GetCapacityRequest } from '../../../../src/rpc/generated/csi/v1/GetCapacityRequest.ts';
import { mountCapability } from '../../../support/requests.ts';
import { type FakeModelSettings, fakeNode, here } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

const GiB = 1024n ** 3n;
const elsewhere = { segments: { 'topology.hostpath.csi/node': 'node-2' } };
const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
const xfs = { ...mountCapability(), mount: { fs_type: 'xfs' } };
const image = { backend: 'image' };
const limited = { backend: 'directory', enforceCapacity: 'required' };

function capacityFor(request: GetCapacityRequest, settings: FakeModelSettings = {}) {
  return controllerOf(fakeNode(settings).model).GetCapacity(request);
}

test.each<[string, GetCapacityRequest, bigint]>([
  ['any volume', {}, 1n],
  ['an existing pool', { parameters: { pool: 'fast' } }, 1n],
  [
    'a mount volume on this node',
    { volume_capabilities: [mountCapability()], accessible_topology: { segments: here } },
    1n,
  ],
  ['a block volume', { volume_capabilities: [block] }, 1n],
  ['an image', { parameters: image }, 16n],
  ['an image with xfs', { parameters: image, volume_capabilities: [xfs] }, 300n],
])('the reply has the available capacity for %s, and its minimum size', async (_, request, minimum) => {
  expect(await capacityFor(request)).toEqual({
    available_capacity: `${50n * GiB}`,
    maximum_volume_size: { value: `${50n * GiB}` },
    minimum_volume_size: { value: `${minimum}` },
  });
});

test.each<[string, GetCapacityRequest, FakeModelSettings?]>([
  ['in an unknown pool', { parameters: { pool: 'slow' } }],
  ['in an unknown pool among others', { parameters: { pool: 'fast,slow' } }],
  ['on another node', { accessible_topology: elsewhere }],
  ['that are mounted and block devices', { volume_capabilities: [mountCapability(), block] }],
  [
    'with a flag that no volume of this driver can have',
    { volume_capabilities: [mountCapability('SINGLE_NODE_WRITER', ['bogus'])] },
  ],
  [
    'as block devices, where files cannot be attached',
    { volume_capabilities: [block] },
    { hasImages: false },
  ],
  ['as images, where files cannot be attached', { parameters: image }, { hasImages: false }],
  ['as directories with an enforced size, without quotas', { parameters: limited }],
])('there is no capacity for volumes %s', async (_, request, settings) => {
  expect(await capacityFor(request, settings)).toEqual({
    available_capacity: '0',
    maximum_volume_size: { value: '0' },
    minimum_volume_size: { value: '0' },
  });
});

test('directories have an enforced size if there is a quota', async () => {
  const { available_capacity } = await capacityFor(
    { parameters: limited },
    { directories: { backend: 'quota' } },
  );
  expect(available_capacity).toBe(`${50n * GiB}`);
});

test('the maximum volume size never exceeds the available capacity or the configured maximum', async () => {
  const maximum = async (settings: FakeModelSettings) =>
    (await capacityFor({}, settings)).maximum_volume_size?.value;
  expect(await maximum({ maximumVolumeBytes: 7n })).toBe('7');
  expect(await maximum({ capacityBytes: 5n, maximumVolumeBytes: 7n })).toBe('5');
});

test('a class is queried by its name, and by default the one with the most room', async () => {
  const settings = { classes: { gold: 5n, silver: 9n } };
  const available = async (parameters: Record<string, string>) =>
    (await capacityFor({ parameters }, settings)).available_capacity;
  expect(await available({ pool: 'gold' })).toBe('5');
  expect(await available({})).toBe('9');
  expect(await available({ pool: 'default' })).toBe(`${50n * GiB}`);
});

test('with topology off, the topology is ignored', async () => {
  const reply = await capacityFor({ accessible_topology: elsewhere }, { topology: undefined });
  expect(reply.available_capacity).toBe(`${50n * GiB}`);
});

test('an unreachable pool is unavailable, not empty', async () => {
  const { model, pool } = fakeNode();
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  await expect(controllerOf(model).GetCapacity({})).rejects.toMatchObject({ kind: 'unavailable' });
});

test.each<[string, GetCapacityRequest]>([
  ['volume_capabilities[0].access_mode', { volume_capabilities: [{ mount: {} }] }],
  ['parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
])('is invalid, with the name of the field: %s', async (message, request) => {
  await expect(capacityFor(request)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(message),
  });
});
