import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessModes } from '../../../../src/model/requests/capability.ts';
import type { CreateVolumeRequest } from '../../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { createRequest, mountCapability } from '../../../support/requests.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

function nodeWithRoom() {
  const { model } = fakeNode({ freeBytes: 2n ** 62n, maximumVolumeBytes: 2n ** 62n });
  const { CreateVolume } = controllerOf(model);
  const create = (name: string, changes: Partial<CreateVolumeRequest> = {}) =>
    CreateVolume(createRequest(name, changes));
  return { model, create };
}

describe('the name of a volume', () => {
  test.each([
    'pvc-1',
    '../..',
    '/',
    'ü',
    'tab\tline\nreturn\r',
    '\u{1f600}',
    '"',
    'x'.repeat(128),
    'é'.repeat(64),
  ])('can be %j', async (name) => {
    const { model, create } = nodeWithRoom();
    const { volume } = await create(name);
    expect(model.catalogue.volumes.findByName(name)?.id).toBe(volume?.volume_id);
  });

  test.each([
    ['', 'name is required'],
    ['x'.repeat(129), 'is longer than 128 bytes'],
    ['é'.repeat(65), 'is longer than 128 bytes'],
    ['a\0b', 'U+0000'],
    ['a\u000bb', 'U+000B'],
    ['a\u001fb', 'U+001F'],
    ['a\u007fb', 'U+007F'],
    ['a\u0080b', 'U+0080'],
    ['a\u009fb', 'U+009F'],
  ])('cannot be %j', async (name, why) => {
    await expect(nodeWithRoom().create(name)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(why),
    });
  });

  test('is kept unchanged or refused', async () => {
    const { model, create } = nodeWithRoom();
    const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const isLegal = Buffer.byteLength(name) <= 128 && !/[^\P{Cc}\t\n\r]/u.test(name);
        const created = create(name);
        if (!isLegal) {
          await expect(created).rejects.toMatchObject({ kind: 'invalid' });
          return;
        }
        const { volume } = await created;
        expect(model.catalogue.volumes.findByName(name)?.id).toBe(volume?.volume_id);
      }),
    );
  });
});

describe('the size of a volume', () => {
  test('can be larger than a safe JavaScript number', async () => {
    const range = { required_bytes: '9007199254740993', limit_bytes: '9223372036854775807' };
    const { volume } = await nodeWithRoom().create('a', { capacity_range: range });
    expect(volume?.capacity_bytes).toBe('9007199254740993');
    const inverted = { ...range, limit_bytes: '9007199254740992' };
    await expect(nodeWithRoom().create('a', { capacity_range: inverted })).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/^capacity_range.limit_bytes: /),
    });
  });

  test('can be left to the driver', async () => {
    const { volume } = await nodeWithRoom().create('a', { capacity_range: null });
    expect(volume?.capacity_bytes).toBe(String(1024 ** 3));
  });
});

describe('a capability', () => {
  test.each(accessModes)('can have the mode %s', async (mode) => {
    const { model, create } = nodeWithRoom();
    await create('a', { volume_capabilities: [mountCapability(mode)] });
    expect(model.catalogue.volumes.findByName('a')?.accessModes).toEqual([mode]);
  });

  test('can name the file system, or leave it unspecified', async () => {
    const { model, create } = nodeWithRoom();
    const parameters = { backend: 'image' };
    const capability = { ...mountCapability(), mount: { fs_type: 'xfs' } };
    await create('a', { parameters, volume_capabilities: [capability] });
    await create('b', { parameters });
    const uses = ['a', 'b'].map((name) => model.catalogue.volumes.findByName(name)?.content);
    expect(uses).toMatchObject([{ use: { fsType: 'xfs' } }, { use: { fsType: undefined } }]);
  });

  const access_mode = { mode: 'SINGLE_NODE_WRITER' } as const;
  const mount = (changes: object) => ({ access_mode, mount: changes });

  test.each<[string, VolumeCapability]>([
    ['.access_mode is required', { mount: {} }],
    ['.access_mode.mode is required', { mount: {}, access_mode: { mode: 'UNKNOWN' } }],
    ['.access_mode.mode: 99', { mount: {}, access_mode: { mode: 99 as never } }],
    ['.access_type (mount or block) is required', { access_mode }],
    ['.mount.fs_type: "ntfs" must be one of ext4, xfs, btrfs', mount({ fs_type: 'ntfs' })],
    ['.mount.fs_type: "EXT4"', mount({ fs_type: 'EXT4' })],
    ['.mount.fs_type: "constructor"', mount({ fs_type: 'constructor' })],
    ['.mount.mount_flags: "bogus"', mount({ mount_flags: ['bogus'] })],
    ['.mount.volume_mount_group: "1000"', mount({ volume_mount_group: '1000' })],
  ])('is refused, with its index and the name of the field: %s', async (message, capability) => {
    const volume_capabilities = [mountCapability(), capability];
    await expect(nodeWithRoom().create('a', { volume_capabilities })).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(`volume_capabilities[1]${message}`),
    });
  });
});
