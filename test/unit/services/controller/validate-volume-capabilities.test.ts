import { describe, expect, test } from 'vitest';
import type { Volume } from '../../../../src/model/objects/volume.ts';
import type { ValidateVolumeCapabilitiesRequest as Request } from '../../../../src/rpc/generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { VolumeCapability } from '../../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { mountCapability } from '../../../support/requests.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { blockContent, imageContent } from '../../model/fakes/requests.ts';
import { controllerOf } from '../calls.ts';

async function validate(changes: Request = {}, existing: Partial<Volume> = {}) {
  const { model, addVolume } = fakeNode();
  const { id } = await addVolume('a', { root: { uid: 5, gid: 6, mode: 0o750 }, ...existing });
  const request = { volume_id: id, volume_capabilities: [mountCapability()], ...changes };
  return controllerOf(model).ValidateVolumeCapabilities(request);
}

describe('is confirmed, with the complete request', () => {
  test.each<[string, Request]>([
    ['one capability', {}],
    [
      'several modes',
      { volume_capabilities: [mountCapability(), mountCapability('MULTI_NODE_READER_ONLY')] },
    ],
    ['the parameters it was made with', { parameters: { pool: 'default', uid: '5', gid: '6', mode: '750' } }],
    [
      'the context it has',
      {
        volume_context: {
          pool: 'default',
          backend: 'directory',
          capacityEnforced: 'false',
          dfShows: 'pool',
        },
      },
    ],
    [
      'the context from an older driver',
      { volume_context: { pool: 'default', backend: 'directory', capacityEnforced: 'false' } },
    ],
    [
      'a context with keys of others',
      { volume_context: { 'storage.kubernetes.io/csiProvisionerIdentity': 'x' } },
    ],
    [
      'a context with the name of an object property',
      { volume_context: { toString: 'x' } as unknown as Record<string, string> },
    ],
  ])('%s', async (_, changes) => {
    const { confirmed, message } = await validate(changes);
    expect(message).toBe('');
    expect(confirmed).toMatchObject({
      volume_context: changes.volume_context ?? {},
      parameters: changes.parameters ?? {},
    });
    expect(confirmed?.volume_capabilities).toHaveLength(changes.volume_capabilities?.length ?? 1);
  });
});

const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;

describe('is answered with the reason, not with an error', () => {
  test.each<[string, Request]>([
    ['volume_capabilities[0]: the volume is a mount volume', { volume_capabilities: [block] }],
    [
      'volume_capabilities: a volume cannot be both a block',
      { volume_capabilities: [block, mountCapability()] },
    ],
    [
      'volume_capabilities[0].mount.mount_flags',
      { volume_capabilities: [mountCapability('SINGLE_NODE_WRITER', ['x'])] },
    ],
    ['mutable_parameters: ', { mutable_parameters: { a: 'b' } }],
    ['parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
    ['parameters: the volume has pool "default"', { parameters: { pool: 'fast' } }],
    ['parameters: the volume has backend directory', { parameters: { backend: 'image' } }],
    ['an unenforced capacity', { parameters: { enforceCapacity: 'required' } }],
    ['parameters.uid: ', { parameters: { uid: '7' } }],
    ['parameters.gid: ', { parameters: { gid: '7' } }],
    ['parameters.mode: ', { parameters: { mode: '7' } }],
    ['volume_context.dfShows: the volume has "pool"', { volume_context: { dfShows: 'volume' } }],
    ['volume_context.pool: the volume has "default"', { volume_context: { pool: 'fast' } }],
  ])('%s', async (reason, changes) => {
    const { confirmed, message } = await validate(changes);
    expect(confirmed).toBeNull();
    expect(message).toContain(reason);
  });
});

describe('a volume', () => {
  const single = { accessModes: ['SINGLE_NODE_SINGLE_WRITER'] } as const;
  const singleWriter = mountCapability('SINGLE_NODE_SINGLE_WRITER');
  const multiWriter = mountCapability('SINGLE_NODE_MULTI_WRITER');
  const small = { content: imageContent(), capacityBytes: 299n };
  const xfs = { ...mountCapability(), mount: { fs_type: 'xfs' } };

  test.each<[string, Partial<Volume>, VolumeCapability]>([
    ['made for a single writer supports one', single, singleWriter],
    ['made for one writer supports a single one', {}, singleWriter],
    ['large enough for ext4 supports it', small, mountCapability()],
    ['supports any file system that fits, before its first stage', { content: imageContent() }, xfs],
    ['for block devices supports one', { content: blockContent }, block],
  ])('%s', async (_, existing, capability) => {
    const { confirmed, message } = await validate({ volume_capabilities: [capability] }, existing);
    expect([confirmed !== null, message]).toEqual([true, '']);
  });

  test.each<[string, Partial<Volume>, VolumeCapability]>([
    [
      ': the volume was created for SINGLE_NODE_SINGLE_WRITER, not for SINGLE_NODE_MULTI_WRITER',
      single,
      multiWriter,
    ],
    ['[0]: xfs needs at least 300 bytes, but the volume has 299; expand it', small, xfs],
    ['[0]: the file system of the volume is ext4, not xfs', { content: imageContent('ext4') }, xfs],
    ['[0]: the volume is a block volume, not a mount volume', { content: blockContent }, mountCapability()],
  ])('does not support others: volume_capabilities%s', async (reason, existing, capability) => {
    const { confirmed, message } = await validate({ volume_capabilities: [capability] }, existing);
    expect(confirmed).toBeNull();
    expect(message).toContain(`volume_capabilities${reason}`);
  });
});

test('the reason fits the limit of CSI, and the necessary change comes first', async () => {
  const { message } = await validate({ parameters: { ['é'.repeat(100)]: '' } });
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(128);
  expect(message).toMatch(/^parameters: unknown parameter "é+…$/);
});

test.each<[string, Request]>([
  ['volume_id is required', { volume_id: '', volume_capabilities: [] }],
  ['volume_capabilities is required', { volume_id: 'nobody', volume_capabilities: [] }],
])('missing fields are reported first: %s', async (message, changes) => {
  await expect(validate(changes)).rejects.toMatchObject({ kind: 'invalid', message });
});

test('an unknown volume is reported before any mistake in the form', async () => {
  await expect(validate({ volume_id: 'nobody', volume_capabilities: [{ mount: {} }] })).rejects.toMatchObject(
    {
      kind: 'not-found',
    },
  );
});
