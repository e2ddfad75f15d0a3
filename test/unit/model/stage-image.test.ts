import { describe, expect, test, vi } from 'vitest';
import { DiskError, VolumeError } from '../../../src/model/errors.ts';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import type { FileSystemType } from '../../../src/model/requests/file-system-options.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { stageVolume, unstageVolume } from './fakes/calls.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const path = '/staging';

async function prepare(content: VolumeContent = imageContent(), onStep?: (step: string) => void) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume('a', { content, root: { uid: 5, gid: 6, mode: 0o750 } });
  node.makeDirectory(path);
  const isBlock = content === blockContent;
  const stage = (changes: Partial<ReturnType<typeof capability>> = {}, current: Volume = volume) =>
    stageVolume(node.model, current, path, isBlock ? blockCapability() : { ...capability(), ...changes });
  const unstage = (volumeId = volume.id) => unstageVolume(node.model, volumeId, path);
  const attached = () => node.devices.find(node.model.catalogue.dataOf(volume).path);
  return { ...node, volume, image: imageAt(node, volume), stage, unstage, attached };
}

describe('an image', () => {
  test.each<[string, FileSystemType | undefined, FileSystemType | undefined, FileSystemType]>([
    ['the file system it was made for', 'xfs', undefined, 'xfs'],
    ['the file system that the first stage requests', undefined, 'btrfs', 'btrfs'],
    ['ext4 by default', undefined, undefined, 'ext4'],
  ])(
    'gets %s at its first stage, with the requested owner and mode of its root',
    async (_, made, asked, fsType) => {
      const { mounts, image, stage, attached } = await prepare(imageContent(made));
      await stage({ fsType: asked });
      expect(image.holds).toMatchObject({ fsType, root: { status: { uid: 5, gid: 6, mode: 0o750 } } });
      expect(await mounts.deviceAt(path)).toBe((await attached())?.number);
    },
  );

  test('is mounted with the requested flags, and its options are passed on', async () => {
    const { mounts, stage } = await prepare();
    const mountDevice = vi.spyOn(mounts, 'mountDevice');
    const { mountFlags } = capability('SINGLE_NODE_WRITER', { noExec: true });
    await stage({ mountFlags, superblockOptions: ['sync'], fileSystemOptions: ['commit=30'] });
    expect(await mounts.inspect(path)).toMatchObject({ flags: { noExec: true, accessTimes: 'relatime' } });
    expect(mountDevice.mock.calls[0]?.[2].options).toEqual(['sync', 'commit=30', 'discard']);
  });

  test.each([
    ['nodiscard', 'ext4'],
    ['discard=async', 'btrfs'],
  ] as const)('discards freed space unless requested otherwise: %s', async (option, fsType) => {
    const { mounts, stage } = await prepare();
    const mountDevice = vi.spyOn(mounts, 'mountDevice');
    await stage({ fileSystemOptions: [option], fsType });
    expect(mountDevice.mock.calls[0]?.[2].options).toEqual([option]);
  });

  test('is formatted once, and keeps its data', async () => {
    const { mounts, stage, unstage } = await prepare();
    await stage();
    await mounts.makeDirectory(`${path}/kept`);
    await unstage();
    await stage();
    expect((await mounts.inspect(`${path}/kept`)).kind).toBe('directory');
  });

  test('is not mounted when its superblock asks for unsafe settings', async () => {
    const { mounts, image, stage, unstage } = await prepare();
    await stage();
    await unstage();
    if (image.holds === 'blank' || image.holds === 'unknown') throw new Error('it has no file system');
    image.holds.objection = 'it spans several devices';
    await expect(stage()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('several devices'),
    });
    expect((await mounts.inspect(path)).kind).toBe('directory');
  });

  test('is unchanged when it is staged again in the same way', async () => {
    const { model, mounts, volume, stage } = await prepare();
    await stage();
    const before = await mounts.list();
    model.host.mountIndex.removePath(path);
    await stage();
    expect(await mounts.list()).toEqual(before);
    expect(model.host.mountIndex.mountsOf(volume.id)).toMatchObject([{ path, use: { kind: 'staging' } }]);
  });

  test('is refused with flags other than those of its mount', async () => {
    const { stage } = await prepare();
    await stage();
    const { mountFlags } = capability('SINGLE_NODE_WRITER', { noDev: true });
    await expect(stage({ mountFlags })).rejects.toMatchObject({ kind: 'already-exists' });
  });

  test('is refused if something else is mounted', async () => {
    const { mounts, stage } = await prepare();
    mounts.mountForeign(path);
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('too small for the requested file system at its first stage is refused, and stays blank', async () => {
    const { image, volume, stage, attached } = await prepare(imageContent());
    const small = { ...volume, capacityBytes: 299n };
    await expect(stage({ fsType: 'xfs' }, small)).rejects.toMatchObject({
      kind: 'precondition',
      about: 'fsType',
      message:
        'xfs needs at least 300 bytes, but the volume has 299; expand it or request another file system',
    });
    expect(image.holds).toBe('blank');
    expect(await attached()).toBeUndefined();
    await stage({ fsType: 'ext4' }, small);
  });

  test('with unknown content, or another file system, is refused and left', async () => {
    const { image, stage, unstage, attached } = await prepare();
    await stage();
    await unstage();
    await expect(stage({ fsType: 'xfs' })).rejects.toMatchObject({
      kind: 'precondition',
      about: 'fsType',
      message: 'the file system of the volume is ext4, not xfs',
    });
    image.holds = 'unknown';
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    expect(image.holds).toBe('unknown');
    expect(await attached()).toBeUndefined();
  });

  test.each([true, false])(
    'that has grown is filled by its file system, online growth %s',
    async (canGrowExt4) => {
      const { mounts, image, stage, unstage } = await prepare();
      mounts.canGrowExt4 = canGrowExt4;
      await stage();
      await unstage();
      image.sizeBytes *= 2n;
      await stage();
      expect((await mounts.usage(path)).bytes.total).toBe(image.sizeBytes);
    },
  );

  test('that has grown since it was mounted is filled by a repeated stage', async () => {
    const { model, mounts, volume, image, stage } = await prepare(imageContent('xfs'));
    await stage();
    image.sizeBytes *= 2n;
    const grown = { ...volume, capacityBytes: image.sizeBytes };
    model.catalogue.volumes.replace(grown);
    await stage({}, grown);
    expect((await mounts.usage(path)).bytes.total).toBe(image.sizeBytes);
  });

  test('that was truncated is refused, mounted or not', async () => {
    const { image, stage, unstage } = await prepare();
    await stage();
    image.sizeBytes -= 1n;
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    await unstage();
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('with repairable errors is staged, and with others it is refused', async () => {
    const { image, stage, unstage, attached } = await prepare();
    await stage();
    await unstage();
    const record = (isMendable: boolean) => {
      if (image.holds === 'blank' || image.holds === 'unknown') throw new Error('there is no file system');
      image.holds.errors = { what: 'one', isMendable };
    };
    record(false);
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    expect(await attached()).toBeUndefined();
    record(true);
    await stage();
    expect(image.holds).toMatchObject({ errors: undefined });
  });

  test('is detached when mounting it failed, and when it is unstaged', async () => {
    const { mounts, stage, unstage, attached } = await prepare();
    vi.spyOn(mounts, 'mountDevice').mockRejectedValueOnce(new Error('no luck'));
    await expect(stage()).rejects.toThrow('no luck');
    expect(await attached()).toBeUndefined();
    await stage();
    expect(await attached()).toBeDefined();
    await unstage();
    expect(await attached()).toBeUndefined();
  });

  test('is refused with the error of its disk if that takes no writes, whatever the mount met', async () => {
    const { mounts, formatter, stage } = await prepare();
    const refused = new VolumeError('precondition', 'the kernel refuses it');
    vi.spyOn(mounts, 'mountDevice').mockRejectedValue(refused);
    await expect(stage()).rejects.toThrow(refused);
    const failing = new DiskError('unavailable', 'the disk fails');
    vi.spyOn(formatter, 'checkDisk').mockRejectedValue(failing);
    await expect(stage()).rejects.toThrow(failing);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const { stage, unstage } = await prepare(imageContent(), (step) => steps.push(step));
    steps.length = 0;
    await stage();
    await unstage();
    const [checked, mounted] = mutationSteps.stageVolume;
    const staged = [checked, ...mutationSteps.stageImage, mounted];
    expect(steps).toEqual([...staged, ...mutationSteps.unstageVolume]);
  });

  test('that is missing counts as damaged', async () => {
    const { model, mounts, volume, stage } = await prepare();
    mounts.tree.remove(model.catalogue.dataOf(volume).path);
    await expect(stage()).rejects.toMatchObject({ kind: 'damaged' });
  });
});

describe('a block volume', () => {
  test('is attached when it is staged, and the path stays empty', async () => {
    const { mounts, stage, attached } = await prepare(blockContent);
    await stage();
    const device = await attached();
    await stage();
    expect(await attached()).toEqual(device);
    expect((await mounts.inspect(path)).kind).toBe('directory');
  });

  test('has its new size when it is staged again', async () => {
    const { mounts, image, stage, attached } = await prepare(blockContent);
    await stage();
    image.sizeBytes *= 2n;
    await stage();
    const device = await attached();
    expect(device && mounts.loops.existing(device).sizeBytes).toBe(image.sizeBytes);
  });

  test('is refused if something is mounted', async () => {
    const { mounts, stage, attached } = await prepare(blockContent);
    mounts.mountForeign(path);
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    expect(await attached()).toBeUndefined();
  });

  test('goes through every step, and is detached when it is unstaged', async () => {
    const steps: string[] = [];
    const { stage, unstage, attached } = await prepare(blockContent, (step) => steps.push(step));
    steps.length = 0;
    await stage();
    await unstage();
    expect(await attached()).toBeUndefined();
    expect(steps).toEqual([
      mutationSteps.stageVolume[0],
      ...mutationSteps.stageBlock,
      ...mutationSteps.unstageVolume,
      ...mutationSteps.unstageBlock,
    ]);
  });

  test('that is no longer known is detached, by the name of its directory', async () => {
    const { model, volume, stage, unstage, devices } = await prepare(blockContent);
    await stage();
    model.catalogue.volumes.remove(volume);
    await unstage('other');
    expect(await devices.list()).toHaveLength(1);
    await unstage();
    expect(await devices.list()).toEqual([]);
  });

  test('stays attached while a process has it open, and unstaging is refused until then', async () => {
    const { mounts, stage, unstage, attached } = await prepare(blockContent);
    await stage();
    const device = await attached();
    if (!device) throw new Error('it is not attached');
    const loop = mounts.loops.existing(device);
    loop.userCount++;
    await expect(unstage()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(device.path),
    });
    loop.userCount--;
    await unstage();
    expect(await attached()).toBeUndefined();
  });
});
