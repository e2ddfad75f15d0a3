import { describe, expect, test, vi } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { createSnapshot, stageVolume } from './fakes/calls.ts';
import { deferred } from './fakes/gate.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const staging = '/staging';
const directory: VolumeContent = { backend: 'directory' };

/** A node with a volume, and snapshots of it that return what was frozen, synced and held while they were copied. */
async function nodeWith(content: VolumeContent, { isStaged = true, sharesBlocks = false } = {}) {
  const node = fakeNode({ sharesBlocks });
  const { model, mounts, pool } = node;
  const volume = await node.addVolume('a', { content });
  node.makeDirectory(staging);
  const how = content === blockContent ? blockCapability() : capability();
  if (isStaged) await stageVolume(model, volume, staging, how);
  const { path } = model.catalogue.dataOf(volume);
  const backend = pool.backends[content.backend];
  const during: object[] = [];
  const { snapshot } = backend;
  const copy = vi.spyOn(backend, 'snapshot').mockImplementation(async (...args) => {
    during.push({
      isFrozen: mounts.frozenDevices.length > 0,
      synced: [...mounts.synced],
      held: [...mounts.heldDevices],
    });
    await snapshot.apply(backend, args);
  });
  const cut = async () => {
    await createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
    return during.at(-1);
  };
  return { ...node, volume, path, copy, cut };
}

describe.each([true, false])('a snapshot that shares blocks (%s)', (sharesBlocks) => {
  test.each([
    ['a directory', directory],
    ['an image', imageContent()],
    ['a block volume', blockContent],
  ])('of a volume that is not staged is made directly: %s', async (_, content) => {
    const { cut } = await nodeWith(content, { isStaged: false, sharesBlocks });
    expect(await cut()).toEqual({ isFrozen: false, synced: [], held: [] });
  });

  test('of a mounted directory has all earlier writes', async () => {
    const { path, cut } = await nodeWith(directory, { sharesBlocks });
    expect(await cut()).toEqual({ isFrozen: false, synced: [path], held: [] });
  });

  test('of a directory whose mount was taken away is made directly', async () => {
    const { mounts, cut } = await nodeWith(directory, { sharesBlocks });
    await mounts.unmount(staging);
    expect(await cut()).toEqual({ isFrozen: false, synced: [], held: [] });
  });

  test('of a mounted image holds its file system during the copy, and then no longer', async () => {
    const { mounts, cut } = await nodeWith(imageContent(), { sharesBlocks });
    expect(await cut()).toMatchObject({ held: ['7:1'] });
    expect(mounts.heldDevices).toEqual([]);
  });
});

describe('a snapshot of a mounted image', () => {
  test('that shares its blocks has all earlier writes, and blocks no writers', async () => {
    const { cut } = await nodeWith(imageContent(), { sharesBlocks: true });
    // Once to measure it, and once to copy it.
    expect(await cut()).toMatchObject({ isFrozen: false, synced: [staging, staging] });
  });

  test('that shares no blocks is made while writers are blocked', async () => {
    const { mounts, cut } = await nodeWith(imageContent());
    expect(await cut()).toMatchObject({ isFrozen: true });
    expect(mounts.isFrozen(staging)).toBe(false);
  });

  test('is stopped with the driver, and thawed', async () => {
    const { model, mounts, copy, cut } = await nodeWith(imageContent());
    const begun = deferred();
    copy.mockImplementation(async (_directory, _original, { signal }) => {
      begun.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const cutting = cut();
    cutting.catch(() => {});
    await begun.promise;
    expect(mounts.isFrozen(staging)).toBe(true);
    await model.copying.copies.stop();
    await expect(cutting).rejects.toMatchObject({ kind: 'unavailable' });
    expect(mounts.isFrozen(staging)).toBe(false);
  });
});

describe('an image that is attached, but not known to be mounted,', () => {
  type Node = Awaited<ReturnType<typeof nodeWith>>;

  test.each<[string, VolumeContent, boolean, (node: Node) => unknown]>([
    ['as a staged block volume is', blockContent, true, () => {}],
    [
      'because its mount is not visible here,',
      imageContent(),
      false,
      ({ devices, path }) => devices.attach(path),
    ],
    [
      'because only a mount of a directory in it is known, which may be another file system,',
      imageContent(),
      true,
      ({ model: { host }, volume }) => {
        const mountId = host.mountIndex.at(staging)?.mountId;
        host.mountIndex.add({ volumeId: volume.id, path: staging, mountId, use: { kind: 'inside' } });
      },
    ],
    [
      'because another file system is on top of its mount,',
      imageContent(),
      true,
      ({ mounts }) => mounts.mountForeign(staging),
    ],
  ])('%s is copied only if blocks are shared', async (_, content, isStaged, change) => {
    const node = await nodeWith(content, { isStaged });
    await change(node);
    await expect(node.cut()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringMatching(
        new RegExp(
          `^volume "${node.volume.id}" is in use \\(/dev/loop1\\) and .*pool "default"; unstage it first$`,
        ),
      ),
    });
    expect(node.copy).not.toHaveBeenCalled();
    const sharing = await nodeWith(content, { isStaged, sharesBlocks: true });
    await change(sharing);
    expect(await sharing.cut()).toEqual({ isFrozen: false, synced: [], held: [] });
  });
});

// A snapshot looks for the mounts of an image twice: to measure it, and to copy it.
describe.each([1, 2])('an image that is unmounted while its mounts are looked at, the time %i,', (time) => {
  /** Unmounts paths just before the file system is held through the first of them. */
  async function unmountedDuringLook(paths: readonly string[], sharesBlocks = false) {
    const node = await nodeWith(imageContent(), { sharesBlocks });
    const { model, mounts, volume, makeDirectory } = node;
    makeDirectory('/target');
    const state = await mounts.inspect(staging);
    if (state.kind !== 'mounted') throw new Error(`${staging} is ${state.kind}`);
    const mountId = await mounts.bind(staging, '/target', noMountFlags, state.identity);
    model.host.mountIndex.add({ volumeId: volume.id, path: '/target', mountId, use: { kind: 'found' } });
    const hold = mounts.hold.bind(mounts);
    let calls = 0;
    vi.spyOn(mounts, 'hold').mockImplementation(async (path, device) => {
      if (++calls === time) for (const gone of paths) await mounts.unmount(gone);
      return hold(path, device);
    });
    return node;
  }

  test('is synced and frozen through another mount', async () => {
    const { cut } = await unmountedDuringLook([staging]);
    expect(await cut()).toMatchObject({ isFrozen: true, synced: [time === 1 ? '/target' : staging] });
  });

  test.each([true, false])(
    'is copied by the next attempt if no other mount is left; sharing blocks: %s',
    async (sharesBlocks) => {
      const { devices, path, cut } = await unmountedDuringLook([staging, '/target'], sharesBlocks);
      // The kernel is still writing back.
      await devices.attach(path);
      await expect(cut()).rejects.toMatchObject({
        kind: 'aborted',
        message: expect.stringMatching(/ is being unmounted; retry later$/),
      });
      await devices.detach(path);
      expect(await cut()).toMatchObject({ isFrozen: false, held: [] });
    },
  );
});
