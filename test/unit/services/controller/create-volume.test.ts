import { expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { createRequest, mountCapability } from '../../../support/requests.ts';
import { fakeNode, here } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

test('the reply has the volume, its context and its topology', async () => {
  const { model } = fakeNode();
  const { volume } = await controllerOf(model).CreateVolume(createRequest('a'));
  expect(volume).toEqual({
    volume_id: model.catalogue.volumes.findByName('a')?.id,
    capacity_bytes: '1048576',
    volume_context: { pool: 'default', backend: 'directory', capacityEnforced: 'false', dfShows: 'pool' },
    accessible_topology: [{ segments: here }],
    content_source: null,
  });
});

test('the context reports an enforced capacity, and no topology is returned with topology off', async () => {
  const { model } = fakeNode({ directories: { backend: 'quota' }, topology: undefined });
  const { volume } = await controllerOf(model).CreateVolume(createRequest('a'));
  expect(volume?.volume_context).toMatchObject({ backend: 'quota', capacityEnforced: 'true' });
  expect(volume?.accessible_topology).toEqual([]);
});

test('the request is applied to the volume', async () => {
  const { model } = fakeNode();
  const parameters = { pool: 'fast', uid: '5', gid: '6', mode: '0750', 'csi.storage.k8s.io/pv/name': 'pv' };
  const changes: Partial<CreateVolumeRequest> = {
    capacity_range: { required_bytes: 5, limit_bytes: 6 },
    volume_capabilities: [mountCapability('SINGLE_NODE_MULTI_WRITER')],
    accessibility_requirements: { requisite: [{ segments: here }] },
    parameters,
  };
  await controllerOf(model).CreateVolume(createRequest('a', changes));
  expect(model.catalogue.volumes.findByName('a')).toMatchObject({
    pool: 'fast',
    capacityBytes: 5n,
    root: { uid: 5, gid: 6, mode: 0o750 },
    accessModes: ['SINGLE_NODE_MULTI_WRITER'],
  });
});

test.each([
  ['subvolume', true, 'pool'],
  ['directory', false, 'pool'],
  ['quota', true, undefined],
] as const)(
  'the context of a %s reports if df in the pod shows the whole pool',
  async (backend, isLimited, dfShows) => {
    const directories = backend === 'subvolume' ? { backend, isLimited } : { backend };
    const { model } = fakeNode({ directories });
    const { volume } = await controllerOf(model).CreateVolume(createRequest('a'));
    expect(volume?.volume_context).toMatchObject({ backend });
    expect(volume?.volume_context?.['dfShows']).toBe(dfShows);
  },
);

test('a block volume is an image', async () => {
  const { model } = fakeNode();
  const { volume } = await controllerOf(model).CreateVolume(
    createRequest('a', { volume_capabilities: [block] }),
  );
  expect(volume?.volume_context).toEqual({ pool: 'default', backend: 'image', capacityEnforced: 'true' });
});

test('a volume in an accounting class reports it by its old name', async () => {
  const { model } = fakeNode({ classes: { slow: 1024n ** 3n } });
  const { volume } = await controllerOf(model).CreateVolume(
    createRequest('a', { parameters: { kind: 'slow' } }),
  );
  expect(volume?.volume_context).toMatchObject({ pool: 'default', kind: 'slow' });
});

const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;

test.each<[string, Partial<CreateVolumeRequest>]>([
  ['name is required', { name: '' }],
  ['volume_capabilities is required', { volume_capabilities: [] }],
  ['name: ', { name: 'a\u0007' }],
  ['volume_capabilities[0].access_mode is required', { volume_capabilities: [{ mount: {} }] }],
  [
    'volume_capabilities[0].mount.fs_type: "ntfs"',
    { volume_capabilities: [{ ...mountCapability(), mount: { fs_type: 'ntfs' } }] },
  ],
  [
    'parameters.backend: "directory" cannot provide a block volume',
    { volume_capabilities: [block], parameters: { backend: 'directory' } },
  ],
  [
    'volume_capabilities: a volume cannot be both a block and a mount volume',
    { volume_capabilities: [block, mountCapability()] },
  ],
  ['volume_content_source.type', { volume_content_source: {} }],
  ['volume_content_source.volume.volume_id', { volume_content_source: { volume: {} } }],
  ['volume_content_source.snapshot.snapshot_id', { volume_content_source: { snapshot: {} } }],
  ['mutable_parameters: ', { mutable_parameters: { a: 'b' } }],
  ['parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
  ['parameters.pool: ', { parameters: { pool: 'slow' } }],
  ['capacity_range.limit_bytes: ', { capacity_range: { required_bytes: 2, limit_bytes: 1 } }],
])('is invalid, and nothing is made: %s', async (message, changes) => {
  const { model, pool } = fakeNode();
  await expect(controllerOf(model).CreateVolume(createRequest('a', changes))).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(message),
  });
  expect((await pool.records.volumes.load()).found).toEqual([]);
});

test('missing fields are reported before any mistake in their form', async () => {
  const { CreateVolume } = controllerOf(fakeNode().model);
  const changes = { volume_capabilities: [], parameters: { colour: 'blue' } };
  await expect(CreateVolume(createRequest('a\u0007', changes))).rejects.toThrow(
    'volume_capabilities is required',
  );
  await expect(CreateVolume(createRequest('', changes))).rejects.toThrow('name is required');
});

test('without this node in the topology, the provisioner tries another', async () => {
  const elsewhere = { requisite: [{ segments: { 'topology.hostpath.csi/node': 'node-2' } }] };
  const created = controllerOf(fakeNode().model).CreateVolume(
    createRequest('a', { accessibility_requirements: elsewhere }),
  );
  await expect(created).rejects.toMatchObject({ kind: 'exhausted' });
});
