import { describe, expect, test, vi } from 'vitest';
import { mutationSteps, type Step } from '../../../src/model/steps.ts';
import { findMounts, type InlineSpec, publishInline, stageVolume } from './fakes/calls.ts';
import { failAt, gateAt } from './fakes/gate.ts';
import { imageAt } from './fakes/images.ts';
import { type FakeModelSettings, type FakeNode, fakeNode } from './fakes/model.ts';
import { capability, inlineSpec } from './fakes/requests.ts';
import { systemError } from './fakes/system-error.ts';

const { volumeId, targetPath: target } = inlineSpec();
const root = { uid: 5, gid: 6, mode: 0o750 };
const GIB = 1024n ** 3n;
/** The root of the host. */
// The root and its devices.
const hostMounts = 2;
const image = { contentRequest: { backend: 'image', enforceCapacity: 'auto' } } as const;
const kinds = [
  ['directory', {}],
  ['image', image],
] as const;

function prepare(settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  node.makeDirectory('/pod');
  const publish = (changes: Partial<InlineSpec> = {}) =>
    publishInline(node.model, inlineSpec({ root, ...changes }));
  const volume = () => node.model.catalogue.volumes.find(volumeId);
  return { ...node, publish, volume };
}

/** The expected state after a refused publish: nothing. */
async function expectNothing(node: FakeNode, mountsMade = 0): Promise<void> {
  const { model, pool, fastPool, mounts, devices } = node;
  await pool.records.volumes.idle();
  expect(model.catalogue.volumes.all()).toEqual([]);
  for (const { path, account } of [pool, fastPool]) {
    for (const name of ['volumes', '.incoming', '.outgoing']) {
      expect(mounts.entryAt(`${path}/${name}`)).toMatchObject({ entries: new Map() });
    }
    expect(account.reservedBytes).toBe(0n);
  }
  expect(pool.disk.reservedBytes).toBe(0n);
  expect(await mounts.list()).toHaveLength(hostMounts + mountsMade);
  expect(await devices.list()).toEqual([]);
  expect(model.host.mountIndex.mountsOf(volumeId)).toEqual([]);
}

describe('publishing an inline volume', () => {
  test('creates the requested volume, and mounts its directory at the target', async () => {
    const { model, pool, mounts, publish, volume } = prepare();
    await publish({ readOnly: true });
    expect(volume()).toMatchObject({
      id: volumeId,
      name: undefined,
      pool: 'default',
      content: { backend: 'directory' },
      capacityBytes: 1024n ** 2n,
      root,
      accessModes: ['SINGLE_NODE_WRITER'],
      inline: { targetPath: target },
    });
    expect((await pool.records.volumes.load()).found).toEqual([volume()]);
    const data = await mounts.inspect('/pools/default/volumes/x-Y3NpLTAxMjM/data');
    const state = await mounts.inspect(target);
    if (state.kind !== 'mounted' || data.kind !== 'directory') throw new Error(state.kind);
    expect(state.identity).toEqual(data.identity);
    expect(state.flags.readOnly).toBe(true);
    const use = { kind: 'target', capability: capability(), readOnly: true };
    const known = { volumeId, path: target, mountId: state.mountId, use };
    expect(model.host.mountIndex.mountsOf(volumeId)).toMatchObject([known]);
    expect(pool.account.reservedBytes).toBe(1024n ** 2n);
  });

  test('makes the file system of an image, and mounts it with the requested flags and options', async () => {
    const { model, mounts, devices, publish, volume } = prepare();
    const mountDevice = vi.spyOn(mounts, 'mountDevice');
    const asked = { ...capability('SINGLE_NODE_WRITER', { noExec: true }), fsType: 'xfs' as const };
    await publish({ ...image, capability: { ...asked, fileSystemOptions: ['inode64'] }, readOnly: true });
    const made = volume();
    if (!made) throw new Error('there is no volume');
    expect(made.content).toEqual({ backend: 'image', use: { accessType: 'mount', fsType: 'xfs' } });
    expect(imageAt({ model, mounts }, made).holds).toMatchObject({
      fsType: 'xfs',
      root: { status: root },
    });
    expect(await mounts.inspect(target)).toMatchObject({
      kind: 'mounted',
      flags: { readOnly: true, noExec: true, accessTimes: 'relatime' },
    });
    expect(mountDevice.mock.calls[0]?.[2].options).toEqual(['inode64', 'discard', 'nouuid']);
    const [attached] = await devices.list();
    expect(await mounts.deviceAt(target)).toBe(attached?.number);
  });

  test.each<[string, readonly Step[], Partial<InlineSpec>]>([
    ['directory', [], {}],
    ['image', mutationSteps.stageImage, image],
  ])('goes through every step of a create and a publish: %s', async (_, formatted, changes) => {
    const steps: string[] = [];
    const { publish } = prepare({ onStep: (step) => void steps.push(step) });
    await publish(changes);
    const [checked, made, mounted] = mutationSteps.publishVolume;
    expect(steps).toEqual([...mutationSteps.createVolume, checked, made, ...formatted, mounted]);
  });

  test('without a size uses the default size, or the maximum if that is less', async () => {
    const { publish, volume } = prepare();
    await publish({ sizeBytes: undefined });
    expect(volume()?.capacityBytes).toBe(GIB);
    const small = prepare({ maximumVolumeBytes: 7n });
    await small.publish({ sizeBytes: undefined });
    expect(small.volume()?.capacityBytes).toBe(7n);
  });

  test.each([
    ['fast', { pool: 'fast', capacityClass: undefined }],
    ['slow', { pool: 'default', capacityClass: 'slow' }],
  ])('in the pool or class %s counts there', async (pool, expected) => {
    const { publish, volume } = prepare({ classes: { slow: GIB } });
    await publish({ pools: [pool] });
    expect(volume()).toMatchObject(expected);
  });

  test('accepts an existing empty directory', async () => {
    const { mounts, makeDirectory, publish } = prepare();
    makeDirectory(target);
    await publish();
    expect((await mounts.inspect(target)).kind).toBe('mounted');
  });
});

describe.each(kinds)('publishing an inline volume again: %s', (_, kind) => {
  test('leaves a healthy mount unchanged, also one from an earlier driver process', async () => {
    const { model, mounts, publish } = prepare();
    await publish(kind);
    const before = await mounts.list();
    await publish(kind);
    model.host.mountIndex.removePath(target);
    await publish(kind);
    expect(await mounts.list()).toEqual(before);
    expect(model.catalogue.volumes.all()).toHaveLength(1);
    expect(model.host.mountIndex.mountsOf(volumeId)).toMatchObject([
      { path: target, use: { kind: 'target' } },
    ]);
  });

  test.each<[string, Partial<InlineSpec>]>([
    ['readOnly', { readOnly: true }],
    ['noExec', { capability: capability('SINGLE_NODE_WRITER', { noExec: true }) }],
  ])('in another way is refused, and names the difference: %s', async (flag, changes) => {
    const { mounts, publish, volume } = prepare();
    await publish(kind);
    const before = await mounts.list();
    await expect(publish({ ...kind, ...changes })).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'targetPath',
      message: `the volume is already mounted at "${target}", but differs in ${flag}`,
    });
    expect(await mounts.list()).toEqual(before);
    expect(volume()).toBeDefined();
  });

  test('after its mount is gone finds the volume, with its data', async () => {
    const { model, mounts, publish } = prepare();
    await publish(kind);
    await mounts.makeDirectory(`${target}/kept`);
    await mounts.unmount(target);
    await publish(kind);
    expect((await mounts.inspect(`${target}/kept`)).kind).toBe('directory');
    expect(model.catalogue.volumes.all()).toHaveLength(1);
  });

  test('at another target is refused: it has one', async () => {
    const { mounts, publish } = prepare();
    await publish(kind);
    await expect(publish({ ...kind, targetPath: '/pod/other' })).rejects.toMatchObject({
      kind: 'precondition',
      about: 'volume',
      message: `volume "${volumeId}" is an inline volume whose only target is "${target}"`,
    });
    expect(await mounts.inspect('/pod/other')).toEqual({ kind: 'absent' });
  });

  test('is refused if something else is mounted there by now, and the volume stays', async () => {
    const { mounts, publish, volume } = prepare();
    await publish(kind);
    await mounts.unmount(target);
    mounts.mountForeign(target);
    await expect(publish(kind)).rejects.toMatchObject({ kind: 'precondition' });
    expect(volume()).toBeDefined();
  });
});

test('an inline image is not published with a file system other than its own', async () => {
  const { publish } = prepare();
  const withFileSystem = (fsType: 'xfs' | 'btrfs') => ({ ...image, capability: { ...capability(), fsType } });
  await publish(withFileSystem('xfs'));
  await expect(publish(withFileSystem('btrfs'))).rejects.toMatchObject({ kind: 'already-exists' });
});

describe('publishing an inline volume is refused, and nothing is made,', () => {
  test.each<[string, string, Partial<InlineSpec>, FakeModelSettings?]>([
    ['an unknown pool', '"slow" is an unknown pool', { pools: ['slow'] }],
    [
      'an image in a pool without images',
      'pool "default" cannot provide images',
      image,
      { hasImages: false },
    ],
    [
      'a directory whose size cannot be enforced',
      '"directory" cannot enforce the capacity',
      { contentRequest: { backend: 'directory', enforceCapacity: 'required' } },
    ],
    [
      'a file system that needs more than the maximum size',
      '16 exceeds the maximum volume size of 15 bytes',
      { ...image, sizeBytes: 1n },
      { maximumVolumeBytes: 15n },
    ],
    [
      'a size above the maximum',
      '8 exceeds the maximum volume size of 7 bytes',
      { sizeBytes: 8n },
      { maximumVolumeBytes: 7n },
    ],
  ])('for %s', async (_, message, changes, settings) => {
    const node = prepare(settings);
    await expect(node.publish(changes)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(message),
    });
    await expectNothing(node);
  });

  test('without enough capacity', async () => {
    const node = prepare({ capacityBytes: 1000n });
    await expect(node.publish({ sizeBytes: 1001n })).rejects.toMatchObject({
      kind: 'exhausted',
      about: 'requiredBytes',
      message: 'pool "default" has room for 1000 bytes, but 1001 are needed',
    });
    await expectNothing(node);
  });

  test('with an option that only a file system of its own supports, for a directory', async () => {
    const node = prepare();
    const asked = { ...capability(), fileSystemOptions: ['commit=5'] };
    await expect(node.publish({ capability: asked })).rejects.toMatchObject({ kind: 'precondition' });
    await expectNothing(node);
  });

  test.each<[string, string, (node: FakeNode) => void, string?]>([
    ['a file is at the target', 'precondition', ({ mounts }) => mounts.tree.makeFile(target, 'x')],
    ['a symbolic link is at the target', 'invalid', ({ mounts }) => mounts.tree.makeSymlink(target, '/')],
    [
      'a symbolic link is in the path',
      'invalid',
      ({ mounts }) => mounts.tree.makeSymlink('/link', '/pod'),
      '/link/target',
    ],
    ['the parent of the target is missing', 'precondition', () => {}, '/missing/target'],
  ])('where %s', async (_, kind, arrange, targetPath = target) => {
    const node = prepare();
    arrange(node);
    await expect(node.publish({ targetPath })).rejects.toMatchObject({
      kind,
      about: 'targetPath',
    });
    await expectNothing(node);
  });

  test('where something else is mounted', async () => {
    const node = prepare();
    node.mounts.mountForeign(node.makeDirectory(target));
    await expect(node.publish()).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: `"${target}" is already used by another mount`,
    });
    await expectNothing(node, 1);
  });

  test('inside a volume', async () => {
    const { mounts, makeDirectory, model, publish, volume } = prepare();
    await publish();
    makeDirectory('/pools/default/volumes/x-Y3NpLTAxMjM/data/inside');
    const inside = { volumeId: 'other', targetPath: `${target}/inside/target` };
    await mounts.makeDirectory(`${target}/inside`);
    await expect(publish(inside)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(`is inside volume "${volumeId}"`),
    });
    expect(model.catalogue.volumes.all()).toEqual([volume()]);
  });
});

describe('an existing id', () => {
  test('of a volume that is not inline is refused, also if that is staged', async () => {
    const { model, mounts, addVolume, makeDirectory, publish } = prepare();
    const volume = await addVolume('a');
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    await expect(publish({ volumeId: volume.id })).rejects.toMatchObject({
      kind: 'precondition',
      about: 'volume',
      message: `volume "${volume.id}" already exists and is not an inline volume`,
    });
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  });

  test('with a damaged record is an error, and nothing is made', async () => {
    const { model, pool, mounts, publish } = prepare();
    model.catalogue.volumes.addDamaged({ id: volumeId, pool: 'default', reason: 'it is empty' });
    await expect(publish()).rejects.toMatchObject({ kind: 'damaged' });
    expect((await pool.records.volumes.load()).found).toEqual([]);
    expect(await mounts.list()).toHaveLength(hostMounts);
  });

  test('of a volume in an unreachable pool is unavailable', async () => {
    const node = prepare();
    await node.publish();
    node.pool.checkReachable = () => Promise.reject(systemError('EIO'));
    await expect(node.publish()).rejects.toThrow('EIO');
  });

  test('of a volume that becomes reachable with its pool is that volume', async () => {
    const { model, fastPool, mounts, publish, volume } = prepare();
    await publish({ pools: ['fast'] });
    await mounts.makeDirectory(`${target}/kept`);
    await mounts.unmount(target);
    const known = volume();
    if (!known) throw new Error('there is no volume');
    model.catalogue.volumes.remove(known);
    fastPool.checkReachable = async () => {
      if (!volume()) model.catalogue.volumes.add(known);
    };
    await publish({ pools: ['fast'] });
    expect((await mounts.inspect(`${target}/kept`)).kind).toBe('directory');
    expect((await fastPool.records.volumes.load()).found).toHaveLength(1);
  });
});

describe.each(kinds)('a failing inline publish: %s', (_, kind) => {
  test.each<Step>([...mutationSteps.createVolume.slice(0, -1), 'publish: checked', 'publish: target made'])(
    'at "%s" leaves nothing behind, and succeeds when it is repeated',
    async (step) => {
      let isBroken = true;
      const fail = failAt(step, systemError('EIO'));
      const node = prepare({ onStep: (current) => (isBroken ? fail(current) : undefined) });
      await expect(node.publish(kind)).rejects.toThrow();
      await expectNothing(node);
      expect(await node.mounts.inspect(target)).toEqual({ kind: 'absent' });
      isBroken = false;
      await node.publish(kind);
      expect((await node.mounts.inspect(target)).kind).toBe('mounted');
    },
  );

  test('at the mount leaves nothing but a target that existed before', async () => {
    const node = prepare();
    node.makeDirectory(target);
    vi.spyOn(node.mounts, 'bind').mockRejectedValueOnce(systemError('ENOMEM'));
    vi.spyOn(node.mounts, 'mountDevice').mockRejectedValueOnce(systemError('ENOMEM'));
    await expect(node.publish(kind)).rejects.toThrow('ENOMEM');
    await expectNothing(node);
    expect((await node.mounts.inspect(target)).kind).toBe('directory');
  });

  test('leaves a volume that existed before', async () => {
    const { mounts, publish, volume } = prepare();
    await publish(kind);
    await mounts.unmount(target);
    vi.spyOn(mounts, 'bind').mockRejectedValueOnce(systemError('ENOMEM'));
    vi.spyOn(mounts, 'mountDevice').mockRejectedValueOnce(systemError('ENOMEM'));
    await expect(publish(kind)).rejects.toThrow('ENOMEM');
    expect(volume()).toBeDefined();
  });
});

test('when the new volume cannot be removed again, the caller gets the first error', async () => {
  const { pool, mounts, publish, volume } = prepare();
  vi.spyOn(mounts, 'bind').mockRejectedValueOnce(systemError('ENOMEM'));
  vi.spyOn(pool.records.volumes, 'remove').mockRejectedValueOnce(systemError('EIO'));
  await expect(publish()).rejects.toThrow('ENOMEM');
  // The next attempt finds it.
  expect(volume()).toBeDefined();
  await publish();
  expect((await mounts.inspect(target)).kind).toBe('mounted');
});

test('the target is reserved during the mount, so that the volume does not count as unused', async () => {
  const gate = gateAt('publish: target made');
  const { model, publish } = prepare({ onStep: gate.onStep });
  const publishing = publish();
  await gate.reached;
  expect(await model.host.mountIndex.verifiedMountsOf(volumeId)).toHaveLength(1);
  gate.open();
  await publishing;
});

test.each(kinds)('the mount of an inline volume is found at start: %s', async (_, kind) => {
  const { model, publish } = prepare();
  await publish(kind);
  model.host.mountIndex.removePath(target);
  expect(await findMounts(model)).toBe(1);
  expect(model.host.mountIndex.mountsOf(volumeId)).toMatchObject([{ path: target, use: { kind: 'found' } }]);
});

test('an inline volume is never staged', async () => {
  const { model, makeDirectory, publish, volume } = prepare();
  await publish();
  const made = volume();
  if (!made) throw new Error('there is no volume');
  await expect(stageVolume(model, made, makeDirectory('/staging'), capability())).rejects.toMatchObject({
    kind: 'precondition',
    about: 'volume',
    message: `"${volumeId}" is an inline volume and cannot be staged`,
  });
});

test.each([
  '../../victim',
  '/etc/passwd',
  'nul\0newline\n',
  '\u{1F4BE}'.repeat(32),
  'name-0123456789abcdef-aaaaaaaa-00000000',
  'name-0123456789abcdef-cccccccc-00000000',
  '__proto__',
])('with any id, its volume is one directory among the volumes: %j', async (id) => {
  const { pool, mounts, publish } = prepare();
  await publish({ volumeId: id });
  const volumes = mounts.entryAt(`${pool.path}/volumes`);
  if (volumes?.kind !== 'directory') throw new Error('there are no volumes');
  expect([...volumes.entries.keys()]).toEqual([expect.stringMatching(/^[A-Za-z0-9_-]{1,200}$/)]);
  expect((await mounts.inspect(target)).kind).toBe('mounted');
});
