import { describe, expect, test, vi } from 'vitest';
import { syncContent, withSteadyContent, withUsage } from '../../../src/model/copying/steady-content.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { stageVolume } from '../../../src/model/mounting/stage-volume.ts';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const staging = '/staging';
const directory: VolumeContent = { backend: 'directory' };

/** A node with one volume, and a copy of it that tells what was frozen and synced when it ran. */
async function nodeWith(content: VolumeContent, isStaged: boolean) {
  const node = fakeNode();
  const { model, mounts } = node;
  const volume = await node.addVolume('a', { content });
  node.makeDirectory(staging);
  const how = content === blockContent ? blockCapability() : capability();
  if (isStaged) await stageVolume(model, volume, staging, how);
  const path = contentPathOf(model, volume);
  const { signal } = new AbortController();
  const copy = (isShared: boolean) =>
    withSteadyContent(model, volume, { isShared, signal }, async () => ({
      isFrozen: mounts.frozenDevices.length > 0,
      synced: [...mounts.synced],
    }));
  const usage = () => withUsage(model, volume, async (found) => found);
  return { ...node, volume, path, copy, usage };
}

describe('how a volume is used', () => {
  test.each([
    ['a directory', directory],
    ['an image', imageContent()],
    ['a block volume', blockContent],
  ])('is not at all where it is not staged: %s', async (_, content) => {
    const { usage } = await nodeWith(content, false);
    expect(await usage()).toEqual({ kind: 'unused' });
  });

  test('is as a directory where one is mounted', async () => {
    const { usage } = await nodeWith(directory, true);
    expect(await usage()).toEqual({ kind: 'directory' });
  });

  test('is not at all where what the index knows is not mounted any more', async () => {
    const { mounts, usage } = await nodeWith(directory, true);
    await mounts.unmount(staging);
    expect(await usage()).toEqual({ kind: 'unused' });
  });

  test('is by its file system where that is mounted, which is held meanwhile', async () => {
    const { model, mounts, volume, usage } = await nodeWith(imageContent(), true);
    expect((await usage()).kind).toBe('mounted');
    const held = await withUsage(model, volume, async () => [...mounts.heldDevices]);
    expect([held, mounts.heldDevices]).toEqual([['7:1'], []]);
  });

  test('is by its device where that is attached: a block volume', async () => {
    const { usage } = await nodeWith(blockContent, true);
    expect(await usage()).toEqual({ kind: 'attached', device: '/dev/loop1' });
  });

  test('is by its device where an image is mounted only where nobody here sees it', async () => {
    const { devices, path, usage } = await nodeWith(imageContent(), false);
    await devices.attach(path);
    expect(await usage()).toEqual({ kind: 'attached', device: '/dev/loop1' });
  });

  test('is not told by a directory in it that is mounted, which may be another file system', async () => {
    const { model, volume, usage } = await nodeWith(imageContent(), true);
    const mountId = model.mountIndex.at(staging)?.mountId;
    model.mountIndex.add({ volumeId: volume.id, path: staging, mountId, use: { kind: 'inside' } });
    expect(await usage()).toEqual({ kind: 'attached', device: '/dev/loop1' });
  });

  test('is not told by another file system on top of its mount', async () => {
    const { mounts, usage } = await nodeWith(imageContent(), true);
    mounts.mountForeign(staging);
    expect(await usage()).toEqual({ kind: 'attached', device: '/dev/loop1' });
  });
});

describe('a copy', () => {
  test.each([true, false])('of what nobody uses is made as it is; sharing blocks: %s', async (isShared) => {
    const { copy } = await nodeWith(imageContent(), false);
    expect(await copy(isShared)).toEqual({ isFrozen: false, synced: [] });
  });

  test.each([true, false])(
    'of a mounted directory has all that was written before; sharing blocks: %s',
    async (isShared) => {
      const { path, copy } = await nodeWith(directory, true);
      expect(await copy(isShared)).toEqual({ isFrozen: false, synced: [path] });
    },
  );

  test('of a mounted image that shares its blocks has all that was written before, and keeps nobody waiting', async () => {
    const { copy } = await nodeWith(imageContent(), true);
    expect(await copy(true)).toEqual({ isFrozen: false, synced: [staging] });
  });

  test('of a mounted image that shares no blocks is made while nobody writes', async () => {
    const { mounts, copy } = await nodeWith(imageContent(), true);
    expect(await copy(false)).toMatchObject({ isFrozen: true });
    expect(mounts.isFrozen(staging)).toBe(false);
  });

  test('that freezes is stopped by whoever stops it', async () => {
    const { model, volume } = await nodeWith(imageContent(), true);
    const stop = new AbortController();
    const reason = new Error('stopped');
    const copying = withSteadyContent(
      model,
      volume,
      { isShared: false, signal: stop.signal },
      async (signal) => {
        stop.abort(reason);
        signal.throwIfAborted();
      },
    );
    await expect(copying).rejects.toBe(reason);
  });

  test('of a device in use is of one instant where it shares blocks', async () => {
    const { copy } = await nodeWith(blockContent, true);
    expect(await copy(true)).toEqual({ isFrozen: false, synced: [] });
  });

  test('of a device in use is refused where it would share none, and nothing is written', async () => {
    const { model, volume } = await nodeWith(blockContent, true);
    const write = vi.fn<() => Promise<void>>();
    const { signal } = new AbortController();
    await expect(withSteadyContent(model, volume, { isShared: false, signal }, write)).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringMatching(
        new RegExp(
          `^volume "${volume.id}" is in use \\(/dev/loop1\\), and .*pool "default"; unstage it first$`,
        ),
      ),
    });
    expect(write).not.toHaveBeenCalled();
  });
});

describe('a volume that is unmounted just when it is looked at', () => {
  /** Unmounts paths just before a look at the first of them holds the file system. */
  async function unmountedDuringLook(paths: readonly string[]) {
    const node = await nodeWith(imageContent(), true);
    const { model, mounts, volume, makeDirectory } = node;
    makeDirectory('/target');
    const state = await mounts.inspect(staging);
    if (state.kind !== 'mounted') throw new Error(`${staging} is ${state.kind}`);
    const mountId = await mounts.bind(staging, '/target', noMountFlags, state.identity);
    model.mountIndex.add({ volumeId: volume.id, path: '/target', mountId, use: { kind: 'found' } });
    const hold = mounts.hold.bind(mounts);
    vi.spyOn(mounts, 'hold').mockImplementationOnce(async (path, device) => {
      for (const gone of paths) await mounts.unmount(gone);
      return hold(path, device);
    });
    return node;
  }

  test('is frozen, and synced, through another mount', async () => {
    const { copy } = await unmountedDuringLook([staging]);
    expect(await copy(false)).toMatchObject({ isFrozen: true });
    const again = await unmountedDuringLook([staging]);
    await syncContent(again.model, again.volume);
    expect(again.mounts.synced).toEqual(['/target']);
  });

  test.each([true, false])(
    'is copied by the next try where no other mount is left; sharing blocks: %s',
    async (isShared) => {
      const { devices, path, copy } = await unmountedDuringLook([staging, '/target']);
      // The kernel is still writing back.
      await devices.attach(path);
      await expect(copy(isShared)).rejects.toMatchObject({
        kind: 'aborted',
        message: expect.stringMatching(/ is being unmounted; call again$/),
      });
      await devices.detach(path);
      expect(await copy(isShared)).toEqual({ isFrozen: false, synced: [] });
    },
  );
});
