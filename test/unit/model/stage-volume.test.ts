import { describe, expect, test, vi } from 'vitest';
import type { MountCapability } from '../../../src/model/requests/capability.ts';
import { combineFlags } from '../../../src/model/requests/mount-flags.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { stageVolume, unstageVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

const path = '/staging';

async function prepare(onStep?: (step: string) => void) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume();
  node.makeDirectory(path);
  const content = node.model.catalogue.dataOf(volume).path;
  const stage = (capabilityAsked = capability()) => stageVolume(node.model, volume, path, capabilityAsked);
  const unstage = (volumeId = volume.id) => unstageVolume(node.model, volumeId, path);
  return { ...node, volume, content, stage, unstage };
}

describe('stageVolume', () => {
  test('mounts the content with the requested flags, and remembers the mount', async () => {
    const { model, mounts, volume, content, stage } = await prepare();
    const source = await mounts.inspect(content);
    const asked = capability('SINGLE_NODE_WRITER', { noExec: true, accessTimes: 'noatime' });
    await stage(asked);
    const staged = await mounts.inspect(path);
    if (source.kind !== 'directory' || staged.kind !== 'mounted') throw new Error(staged.kind);
    expect(staged).toMatchObject({
      identity: source.identity,
      flags: combineFlags(source.flags, asked.mountFlags),
    });
    expect(model.host.mountIndex.mountsOf(volume.id)).toMatchObject([
      {
        volumeId: volume.id,
        path,
        mountId: staged.mountId,
        use: { kind: 'staging', capability: asked, readOnly: false },
      },
    ]);
  });

  test('goes through every step of a stage and of an unstage', async () => {
    const steps: string[] = [];
    const { stage, unstage } = await prepare((step) => steps.push(step));
    steps.length = 0;
    await stage();
    await unstage();
    expect(steps).toEqual([...mutationSteps.stageVolume, ...mutationSteps.unstageVolume]);
  });

  test('leaves a mount of the same kind unchanged', async () => {
    const { mounts, stage } = await prepare();
    await stage(capability('SINGLE_NODE_WRITER', { noExec: true }));
    const before = await mounts.list();
    await stage(capability('SINGLE_NODE_WRITER', { noExec: true }));
    expect(await mounts.list()).toEqual(before);
  });

  test('of content that cannot be read reports the disk, and no loss', async () => {
    const { mounts, volume, content, stage } = await prepare();
    mounts.mountForeign(content);
    mounts.fail(content);
    await expect(stage()).rejects.toMatchObject({
      kind: 'unavailable',
      message: `volume "${volume.id}" in pool "${volume.pool}": ${content} answers EIO; check the disk and the kernel log`,
    });
  });

  test('recognises a mount from a process that died', async () => {
    const { model, volume, stage } = await prepare();
    await stage();
    model.host.mountIndex.removePath(path);
    await stage();
    expect(model.host.mountIndex.mountsOf(volume.id)).toMatchObject([{ path, use: { kind: 'staging' } }]);
  });

  test.each<[string, Partial<MountCapability>]>([
    ['accessMode', { accessMode: 'SINGLE_NODE_MULTI_WRITER' }],
    ['fsType', { fsType: 'xfs' }],
    ['mountFlags', { superblockOptions: ['sync'] }],
  ])('refuses another stage in a different way, and remembers the first: %s', async (about, changes) => {
    const { model, volume, stage } = await prepare();
    const first = { ...capability(), fsType: 'ext4' } as const;
    await stage(first);
    await expect(stage({ ...first, ...changes })).rejects.toMatchObject({ kind: 'already-exists', about });
    expect(model.host.mountIndex.mountsOf(volume.id)).toMatchObject([{ use: { capability: first } }]);
    await stage({ ...first, fsType: undefined });
  });

  test('refuses flags other than those of the mount, and names the difference', async () => {
    const { mounts, stage } = await prepare();
    await stage();
    const before = await mounts.list();
    await expect(
      stage(capability('SINGLE_NODE_WRITER', { readOnly: true, noDev: true })),
    ).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'stagingPath',
      message: 'the volume is already mounted at "/staging", but differs in readOnly, noDev',
    });
    expect(await mounts.list()).toEqual(before);
  });

  test('refuses a path where something else is mounted', async () => {
    const { model, mounts, stage, addVolume } = await prepare();
    const other = await addVolume('other');
    await stageVolume(model, other, path, capability());
    await expect(stage()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(path),
    });
    await unstageVolume(model, other.id, path);
    mounts.mountForeign(path);
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
  });

  test.each([
    ['is absent', 'precondition', 'does not exist', () => {}],
    [
      'is a file',
      'precondition',
      'is not a directory',
      ({ mounts }: Prepared) => mounts.tree.makeFile(path, ''),
    ],
    [
      'is a socket',
      'precondition',
      'is not a directory',
      ({ mounts }: Prepared) => mounts.tree.makeSocket(path),
    ],
    [
      'is a symbolic link',
      'invalid',
      'must not be a symbolic link',
      ({ mounts }: Prepared) => mounts.tree.makeSymlink(path, '/'),
    ],
  ])('refuses a path that %s', async (_, kind, why, arrange) => {
    const prepared = await prepare();
    prepared.mounts.tree.remove(path);
    arrange(prepared);
    const message = `"${path}" ${why}`;
    await expect(prepared.stage()).rejects.toMatchObject({ kind, about: 'stagingPath', message });
  });

  test('refuses a path through a symbolic link, with the name of the field', async () => {
    const { model, mounts, volume } = await prepare();
    mounts.tree.makeSymlink('/link', '/');
    await expect(stageVolume(model, volume, '/link/staging', capability())).rejects.toMatchObject({
      kind: 'invalid',
      about: 'stagingPath',
      message: expect.stringMatching(/\/link\/staging/),
    });
  });

  test('a volume whose data is missing is damaged', async () => {
    const { mounts, content, stage } = await prepare();
    mounts.tree.remove(content);
    await expect(stage()).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(content),
    });
  });

  test('content that is replaced during the stage is not mounted', async () => {
    const { model, mounts, volume, content, stage } = await prepare();
    const bind = mounts.bind.bind(mounts);
    vi.spyOn(mounts, 'bind').mockImplementationOnce((...request) => {
      mounts.tree.remove(content);
      mounts.tree.makeDirectory(content);
      return bind(...request);
    });
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    expect(model.host.mountIndex.mountsOf(volume.id)).toEqual([]);
  });
});

describe('unstageVolume', () => {
  test('unmounts and leaves the directory, which belongs to the CO', async () => {
    const { model, mounts, volume, stage, unstage } = await prepare();
    await stage();
    await unstage();
    expect((await mounts.inspect(path)).kind).toBe('directory');
    expect(model.host.mountIndex.mountsOf(volume.id)).toEqual([]);
  });

  test('can be repeated, and does nothing if nothing is staged', async () => {
    const { model, mounts, volume, unstage } = await prepare();
    await unstage();
    mounts.tree.remove(path);
    await unstage();
    await unstageVolume(model, volume.id, '/missing/below');
  });

  test('takes down every mount stacked at the path', async () => {
    const { mounts, stage, unstage } = await prepare();
    await stage();
    mounts.mountForeign(path);
    await unstage();
    expect((await mounts.inspect(path)).kind).toBe('directory');
  });

  test('works for a volume that is no longer known', async () => {
    const { model, mounts, volume, stage, unstage } = await prepare();
    await stage();
    model.host.mountIndex.removePath(path);
    model.catalogue.volumes.remove(volume);
    await unstage('long gone');
    expect((await mounts.inspect(path)).kind).toBe('directory');
  });

  test.each(['known', 'only found by its root'])("refuses another volume's mount, %s", async (how) => {
    const { model, mounts, volume, stage, unstage } = await prepare();
    await stage();
    if (how !== 'known') model.host.mountIndex.removePath(path);
    await expect(unstage('other')).rejects.toMatchObject({
      kind: 'precondition',
      about: 'stagingPath',
      message: `"${path}" is the mount point of volume "${volume.id}", not of "other"`,
    });
    expect((await mounts.inspect(path)).kind).toBe('mounted');
  });

  test('a mount that is in use stays, and is still known', async () => {
    const { model, mounts, volume, stage, unstage } = await prepare();
    await stage();
    const { release } = mounts.occupy(path);
    await expect(unstage()).rejects.toMatchObject({ kind: 'precondition' });
    expect(model.host.mountIndex.mountsOf(volume.id)).toHaveLength(1);
    release();
    await unstage();
    expect((await mounts.inspect(path)).kind).toBe('directory');
  });

  test('refuses a symbolic link', async () => {
    const { mounts, unstage } = await prepare();
    mounts.tree.remove(path);
    mounts.tree.makeSymlink(path, '/');
    await expect(unstage()).rejects.toMatchObject({ kind: 'invalid' });
  });
});

type Prepared = Awaited<ReturnType<typeof prepare>>;
