import { describe, expect, test } from 'vitest';
import { LUKS_HEADER_BYTES } from '../../../src/model/objects/encryption.ts';
import { isBlock, type VolumeContent } from '../../../src/model/objects/volume.ts';
import { availableCapacity } from '../../../src/model/volumes/available-capacity.ts';
import {
  createSnapshot,
  createVolume,
  expandContent,
  expandStaged,
  rekeyVolume,
  stageVolume,
  unstageVolume,
} from './fakes/calls.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  encryptedContent,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const path = '/staging';
const key = Buffer.from('right');
const wrong = Buffer.from('wrong');
const encryption = { format: 'luks2' } as const;
const encryptedBlock: VolumeContent = { backend: 'image', use: { accessType: 'block', encryption } };

async function prepare(content = encryptedContent) {
  const node = fakeNode();
  const volume = await node.addVolume('a', { content });
  node.makeDirectory(path);
  const asked = isBlock(content) ? blockCapability() : capability();
  const stage = (given?: Buffer) => stageVolume(node.model, volume, path, asked, given);
  return { ...node, volume, image: imageAt(node, volume), stage };
}

describe.each([
  ['a volume with a file system', encryptedContent],
  ['a block volume', encryptedBlock],
])('%s that is encrypted', (_, content) => {
  test('gets the key of its first stage, and opens with no other', async () => {
    const { model, volume, image, stage, devices } = await prepare(content);
    await stage(key);
    expect(image.key).toEqual(key);
    await unstageVolume(model, volume.id, path);
    await expect(stage(wrong)).rejects.toMatchObject({ kind: 'unauthenticated', about: 'passphrase' });
    expect(await devices.list()).toEqual([]);
    await stage(key);
  });

  test('is not staged without a key, and stays blank', async () => {
    const { image, stage } = await prepare(content);
    await expect(stage()).rejects.toMatchObject({ kind: 'invalid', about: 'passphrase' });
    expect(image.holds).toBe('blank');
    expect(image.key).toBeUndefined();
  });

  test('is opened by the key of the node if the call has none', async () => {
    const { model, volume, image } = await prepare(content);
    const host = { ...model.host, nodeKey: async () => key };
    const asked = isBlock(content) ? blockCapability() : capability();
    await stageVolume({ ...model, host }, volume, path, asked);
    expect(image.key).toEqual(key);
  });

  test('is left as it is if something is in it that is not encrypted', async () => {
    const { image, stage } = await prepare(content);
    image.holds = 'unknown';
    await expect(stage(key)).rejects.toMatchObject({ kind: 'precondition' });
    expect(image.holds).toBe('unknown');
    expect(image.key).toBeUndefined();
  });

  test('grows while it is staged only with its key', async () => {
    const { model, volume, stage } = await prepare(content);
    await stage(key);
    const range = { requiredBytes: 2n * volume.capacityBytes, limitBytes: 0n };
    const { volume: grown } = await expandContent(model, volume, range, 2n ** 60n);
    await expect(expandStaged(model, grown, path)).rejects.toMatchObject({ about: 'passphrase' });
    await expect(expandStaged(model, grown, path, wrong)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(await expandStaged(model, grown, path, key)).toBe(grown.capacityBytes);
    // A repeated call has nothing to do that needs it.
    expect(await expandStaged(model, grown, path)).toBe(grown.capacityBytes);
  });

  test('gets a new key, also by a call that is repeated', async () => {
    const { model, volume, image, stage } = await prepare(content);
    const newKey = Buffer.from('new');
    await expect(rekeyVolume(model, volume, { oldKey: key, newKey })).rejects.toMatchObject({
      kind: 'precondition',
    });
    await stage(key);
    for (let call = 0; call < 2; call++) await rekeyVolume(model, volume, { oldKey: key, newKey });
    expect(image.key).toEqual(newKey);
    await expect(rekeyVolume(model, volume, { oldKey: key, newKey: wrong })).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
  });
});

test('a volume that is not encrypted has no key to be replaced, and needs none', async () => {
  const { model, volume, image, stage } = await prepare(blockContent);
  await stage(key);
  expect(image.key).toBeUndefined();
  await expect(rekeyVolume(model, volume, { oldKey: key, newKey: key })).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('is not encrypted'),
  });
});

test.each([
  ['a directory', { encryption, backend: 'directory' as const }, 'cannot be encrypted'],
  ['btrfs', { encryption, fsType: 'btrfs' as const }, 'impossible with btrfs'],
])('%s cannot be encrypted', async (_, contentRequest, why) => {
  const node = fakeNode();
  const spec = volumeSpec({ contentRequest: contentRequestWith(contentRequest) });
  await expect(createVolume(node.model, spec)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(why),
  });
});

test('a node that cannot encrypt refuses to create such a volume, and says why', async () => {
  const node = fakeNode();
  node.formatter.obstacle = 'cryptsetup is not installed';
  const spec = volumeSpec({ contentRequest: contentRequestWith({ encryption }) });
  await expect(createVolume(node.model, spec)).rejects.toMatchObject({
    kind: 'invalid',
    about: 'encryption',
    message: expect.stringContaining('cryptsetup is not installed'),
  });
});

test('the header counts against the capacity of the pool', async () => {
  const node = fakeNode({ capacityBytes: 10n * LUKS_HEADER_BYTES });
  const contentRequest = contentRequestWith({ encryption });
  const query = { capabilities: [capability()], pools: [], contentRequest, topology: undefined };
  const { availableBytes, maximumVolumeBytes } = await availableCapacity(node.model, query);
  expect(availableBytes).toBe(9n * LUKS_HEADER_BYTES);
  expect(maximumVolumeBytes).toBe(9n * LUKS_HEADER_BYTES);
  const spec = (name: string, requiredBytes: bigint) =>
    volumeSpec({ name, contentRequest, range: { requiredBytes, limitBytes: 0n } });
  await expect(createVolume(node.model, spec('a', availableBytes + 512n))).rejects.toMatchObject({
    kind: 'exhausted',
  });
  const { capacityBytes } = await createVolume(node.model, spec('a', availableBytes));
  expect(capacityBytes).toBe(availableBytes);
  expect((await availableCapacity(node.model, query)).availableBytes).toBe(0n);
});

describe('the copy of an encrypted volume', () => {
  async function snapshotOf(content: VolumeContent) {
    const { model, volume, stage } = await prepare(content);
    await stage(key);
    await unstageVolume(model, volume.id, path);
    const { id } = await createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
    const restore = (encrypts: boolean, changes = {}) =>
      createVolume(
        model,
        volumeSpec({
          name: 'copy',
          source: { kind: 'snapshot', id } as never,
          contentRequest: contentRequestWith(encrypts ? { encryption, ...changes } : changes),
          ...('isBlock' in changes ? { capabilities: [blockCapability()] } : {}),
        }),
      );
    return { restore };
  }

  test('is encrypted, and has the file system of its source', async () => {
    const { restore } = await snapshotOf(encryptedContent);
    await expect(restore(false)).rejects.toMatchObject({ kind: 'invalid', about: 'encryption' });
    expect((await restore(true)).content).toMatchObject({ use: { fsType: 'ext4', encryption } });
  });

  test('of a block volume is a block volume', async () => {
    const { restore } = await snapshotOf(encryptedBlock);
    await expect(restore(true)).rejects.toMatchObject({ kind: 'invalid' });
    expect((await restore(true, { isBlock: true })).content).toMatchObject({ use: { accessType: 'block' } });
  });

  test('cannot be made of a source that is not encrypted', async () => {
    const { restore } = await snapshotOf(imageContent('ext4'));
    await expect(restore(true)).rejects.toMatchObject({ kind: 'invalid', about: 'encryption' });
  });
});
