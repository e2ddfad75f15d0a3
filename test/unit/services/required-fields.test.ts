import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rpcs } from '../../../scripts/lib/csi-catalogue.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { mountCapability } from '../../support/requests.ts';
import { createGroupSnapshot } from '../model/fakes/calls.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { controllerOf, groupControllerOf, metadataMethodsOf, nodeOf, streamsOf } from './calls.ts';

// An absent number is zero, and the first byte is a valid start.
const mayBeZero = ['starting_offset'];

interface RequestField {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

const proto = readFileSync(new URL('../../../proto/csi.proto', import.meta.url), 'utf8');

/** The fields of a request, as the comments in the proto have them. */
function fieldsOf(rpc: string): RequestField[] {
  const body = new RegExp(`^message ${rpc}Request \\{\\n(.*?)^\\}`, 'ms').exec(proto)?.[1] ?? '';
  const field = /((?:^ {2}\/\/.*\n)*)^ {2}((?:repeated )?\S+|map<.*>) (\w+) = \d+/gm;
  return [...body.matchAll(field)].map(([, comment = '', type = '', name = '']) => ({
    name,
    type,
    isRequired: comment.trimStart().startsWith('// REQUIRED') && !mayBeZero.includes(name),
  }));
}

const volume_capability = mountCapability();

/** A node with a volume and a group, a way to call it, and a complete request for each RPC. */
async function completeNode() {
  const mutableParameters = new Set(['onDelete', 'inodeLimit'] as const);
  const features = { attach: true, mutableParameters, snapshotMetadata: 'FIXED_LENGTH' } as const;
  const { model, addVolume } = fakeNode({ features });
  const { id: volume_id } = await addVolume('v');
  const group = await createGroupSnapshot(model, { name: 'g', sourceVolumeIds: [volume_id] });
  const snapshot_ids = group.snapshots.map(({ id }) => id);
  const [snapshot_id = ''] = snapshot_ids;
  const requests: Record<string, object> = {
    CreateVolume: { name: 'a', volume_capabilities: [volume_capability] },
    DeleteVolume: { volume_id },
    ControllerPublishVolume: { volume_id, node_id: 'node-1', volume_capability },
    ControllerUnpublishVolume: { volume_id },
    ValidateVolumeCapabilities: { volume_id, volume_capabilities: [volume_capability] },
    ControllerGetVolumeHealth: { volume_id },
    ControllerGetVolume: { volume_id },
    ControllerModifyVolume: { volume_id, mutable_parameters: { onDelete: 'retain' } },
    GetCapacity: { volume_capabilities: [volume_capability] },
    CreateSnapshot: { source_volume_id: volume_id, name: 's' },
    DeleteSnapshot: { snapshot_id },
    GetSnapshot: { snapshot_id },
    ControllerExpandVolume: { volume_id, capacity_range: { required_bytes: 1 }, volume_capability },
    NodeStageVolume: { volume_id, staging_target_path: '/staging', volume_capability },
    NodeUnstageVolume: { volume_id, staging_target_path: '/staging' },
    NodePublishVolume: {
      volume_id,
      staging_target_path: '/staging',
      target_path: '/target',
      volume_capability,
    },
    NodeUnpublishVolume: { volume_id, target_path: '/target' },
    NodeGetVolumeStats: { volume_id, volume_path: '/target' },
    NodeGetVolumeHealth: { volume_id },
    NodeExpandVolume: { volume_id, volume_path: '/target', volume_capability },
    CreateVolumeGroupSnapshot: { name: 'h', source_volume_ids: [volume_id] },
    DeleteVolumeGroupSnapshot: { group_snapshot_id: group.id, snapshot_ids },
    GetVolumeGroupSnapshot: { group_snapshot_id: group.id, snapshot_ids },
    GetMetadataAllocated: { snapshot_id },
    GetMetadataDelta: { base_snapshot_id: snapshot_id, target_snapshot_id: snapshot_id },
  };
  const methods = {
    ...controllerOf(model),
    ...nodeOf(model),
    ...groupControllerOf(model),
    ...streamsOf(csiServices.SnapshotMetadata, metadataMethodsOf(model)),
  } as unknown as Record<string, (request: object) => Promise<unknown>>;
  const call = (rpc: string, changes: object) => methods[rpc]?.({ ...requests[rpc], ...changes });
  return { requests, call };
}

const allFields = rpcs.flatMap(({ name: rpc }) => fieldsOf(rpc).map((field) => ({ rpc, ...field })));
const requiredFields = allFields.filter(({ isRequired }) => isRequired);
const capabilityFields = allFields.filter(({ type }) => type.endsWith('VolumeCapability'));

test('the table has a complete request for each RPC with required fields', async () => {
  const { requests } = await completeNode();
  for (const { rpc, name } of [...requiredFields, ...capabilityFields])
    expect(requests[rpc]).toHaveProperty(name);
  expect(requiredFields.length).toBeGreaterThan(40);
});

describe('a request is invalid without a required field, which is named', () => {
  test.each(requiredFields)('$rpc without $name', async ({ rpc, name }) => {
    const { call } = await completeNode();
    await expect(call(rpc, { [name]: undefined })).rejects.toMatchObject({
      kind: 'invalid',
      message: `${name} is required`,
    });
  });

  const { access_mode } = volume_capability;
  const incomplete = [
    { missing: 'access_mode', capability: { mount: {} } },
    { missing: 'access_mode.mode', capability: { mount: {}, access_mode: {} } },
    { missing: 'access_type (mount or block)', capability: { access_mode } },
  ];
  const cases = capabilityFields.flatMap((field) => incomplete.map((each) => ({ ...field, ...each })));

  test.each(cases)('$rpc with a $name without $missing', async ({ rpc, name, type, missing, capability }) => {
    const { call } = await completeNode();
    const isList = type.startsWith('repeated');
    const value = isList ? [volume_capability, capability] : capability;
    await expect(call(rpc, { [name]: value })).rejects.toMatchObject({
      kind: 'invalid',
      message: `${name}${isList ? '[1]' : ''}.${missing} is required`,
    });
  });

  const sources = [
    ['type (snapshot or volume)', {}],
    ['volume.volume_id', { volume: {} }],
    ['snapshot.snapshot_id', { snapshot: {} }],
  ] as const;

  test.each(sources)('CreateVolume with a source without %s', async (missing, source) => {
    const { call } = await completeNode();
    await expect(call('CreateVolume', { volume_content_source: source })).rejects.toMatchObject({
      kind: 'invalid',
      message: `volume_content_source.${missing} is required`,
    });
  });
});
