import { describe, expect, test } from 'vitest';
import type { ValidateVolumeCapabilitiesRequest as Request } from '../../../../src/rpc/generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import { mountCapability } from '../../../support/requests.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

async function validate(changes: Request = {}) {
  const { model, addVolume } = fakeNode();
  const { id } = await addVolume('a', { root: { uid: 5, gid: 6, mode: 0o750 } });
  const request = { volume_id: id, volume_capabilities: [mountCapability()], ...changes };
  return controllerOf(model).ValidateVolumeCapabilities(request);
}

describe('is confirmed, with all that was asked', () => {
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
      'the context that an older driver gave it',
      { volume_context: { pool: 'default', backend: 'directory', capacityEnforced: 'false' } },
    ],
    [
      'a context that others have added to',
      { volume_context: { 'storage.kubernetes.io/csiProvisionerIdentity': 'x' } },
    ],
    [
      'a context with a name of the language',
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
    ['volume_capabilities: block and mount', { volume_capabilities: [block, mountCapability()] }],
    [
      'volume_capabilities[0].mount.mount_flags',
      { volume_capabilities: [mountCapability('SINGLE_NODE_WRITER', ['x'])] },
    ],
    ['mutable_parameters: ', { mutable_parameters: { a: 'b' } }],
    ['parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
    ['parameters: the volume has pool "default"', { parameters: { pool: 'fast' } }],
    ['parameters: the volume has backend directory', { parameters: { backend: 'image' } }],
    ['a capacity that is not enforced', { parameters: { enforceCapacity: 'required' } }],
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

test('the reason has no more bytes than CSI allows, and what is to be changed comes first', async () => {
  const { message } = await validate({ parameters: { ['é'.repeat(100)]: '' } });
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(128);
  expect(message).toMatch(/^parameters: unknown parameter "é+…$/);
});

test.each<[string, Request]>([
  ['volume_id is required', { volume_id: '', volume_capabilities: [] }],
  ['volume_capabilities is required', { volume_id: 'nobody', volume_capabilities: [] }],
])('required fields are told first: %s', async (message, changes) => {
  await expect(validate(changes)).rejects.toMatchObject({ kind: 'invalid', message });
});

test('an unknown volume is told before any mistake in the form', async () => {
  await expect(validate({ volume_id: 'nobody', volume_capabilities: [{ mount: {} }] })).rejects.toMatchObject(
    {
      kind: 'not-found',
    },
  );
});
