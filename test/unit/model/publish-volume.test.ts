import { posix } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { accessModes, type MountCapability } from '../../../src/model/requests/capability.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
import { publishVolume, stageVolume } from './fakes/calls.ts';
import { failAt, gateAt } from './fakes/gate.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';
import { systemError } from './fakes/system-error.ts';

const stagingPath = '/staging';
const target = '/pod/target';

interface Asked {
  readonly capability?: MountCapability;
  readonly targetPath?: string;
  readonly readOnly?: boolean;
}

async function stagedNode(onStep?: OnStep) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume();
  node.makeDirectory(stagingPath);
  node.makeDirectory('/pod');
  await stageVolume(node.model, volume, stagingPath, capability());
  const publish = ({ readOnly = false, ...asked }: Asked = {}) =>
    publishVolume(node.model, volume, {
      stagingPath,
      targetPath: target,
      capability: capability(),
      readOnly,
      ...asked,
    });
  const targetsOf = () =>
    node.model.host.mountIndex.mountsOf(volume.id).filter(({ use }) => use.kind === 'target');
  const flagsAt = async (path: string) => {
    const state = await node.mounts.inspect(path);
    return state.kind === 'mounted' ? state.flags : undefined;
  };
  return { ...node, volume, publish, targetsOf, flagsAt };
}

type Node = Awaited<ReturnType<typeof stagedNode>>;
const singleWriter = capability('SINGLE_NODE_SINGLE_WRITER');
const multiWriter = capability('SINGLE_NODE_MULTI_WRITER');

describe('publishing', () => {
  test('makes the target, mounts the staged volume, and remembers the mount', async () => {
    const { mounts, volume, publish, targetsOf } = await stagedNode();
    await publish();
    const [staged, published] = await Promise.all([mounts.inspect(stagingPath), mounts.inspect(target)]);
    if (staged.kind !== 'mounted' || published.kind !== 'mounted') throw new Error(published.kind);
    expect(published.identity).toEqual(staged.identity);
    expect(published.flags).toEqual(staged.flags);
    const use = { kind: 'target', capability: capability(), readOnly: false };
    expect(targetsOf()).toMatchObject([
      { volumeId: volume.id, path: target, mountId: published.mountId, use },
    ]);
  });

  test('goes through every step of a publish', async () => {
    const steps: string[] = [];
    const { publish } = await stagedNode((step) => void steps.push(step));
    steps.length = 0;
    await publish();
    expect(steps).toEqual(mutationSteps.publishVolume);
  });

  test('accepts an existing empty directory', async () => {
    const { mounts, publish, makeDirectory } = await stagedNode();
    makeDirectory(target);
    await publish();
    expect((await mounts.inspect(target)).kind).toBe('mounted');
  });

  test.each<[string, Asked]>([
    ['the request says readonly', { readOnly: true }],
    ['a mount flag says ro', { capability: capability('SINGLE_NODE_WRITER', { readOnly: true }) }],
    ['the mode is SINGLE_NODE_READER_ONLY', { capability: capability('SINGLE_NODE_READER_ONLY') }],
    ['the mode is MULTI_NODE_READER_ONLY', { capability: capability('MULTI_NODE_READER_ONLY') }],
  ])('is read-only if %s, and only the target is', async (_, asked) => {
    const { publish, flagsAt } = await stagedNode();
    await publish(asked);
    expect((await flagsAt(target))?.readOnly).toBe(true);
    expect((await flagsAt(stagingPath))?.readOnly).toBe(false);
  });

  test.each(accessModes.filter((mode) => !mode.endsWith('READER_ONLY')))(
    'is writable as %s',
    async (mode) => {
      const { publish, flagsAt } = await stagedNode();
      await publish({ capability: capability(mode) });
      expect((await flagsAt(target))?.readOnly).toBe(false);
    },
  );
});

describe('publishing again', () => {
  test('leaves a healthy mount of the same kind unchanged', async () => {
    const { mounts, publish } = await stagedNode();
    await publish({ readOnly: true });
    const before = await mounts.list();
    await publish({ readOnly: true });
    expect(await mounts.list()).toEqual(before);
  });

  test('recognises a mount from a process that died', async () => {
    const { model, publish, targetsOf } = await stagedNode();
    await publish();
    model.host.mountIndex.removePath(target);
    await publish();
    expect(targetsOf()).toMatchObject([{ path: target }]);
  });

  test.each<[string, Asked]>([
    ['accessMode', { capability: multiWriter }],
    ['fsType', { capability: { ...capability(), fsType: 'xfs' } }],
    ['mountFlags', { capability: { ...capability(), superblockOptions: ['sync'] } }],
  ])('for another use is refused, and the first is remembered: %s', async (about, asked) => {
    const { publish, targetsOf } = await stagedNode();
    const first = { ...capability(), fsType: 'ext4' } as const;
    await publish({ capability: first });
    await expect(publish(asked)).rejects.toMatchObject({ kind: 'already-exists', about });
    expect(targetsOf()).toMatchObject([{ use: { capability: first } }]);
  });

  test.each<[string, Asked]>([
    ['readOnly', { readOnly: true }],
    ['noExec', { capability: capability('SINGLE_NODE_WRITER', { noExec: true }) }],
    ['accessTimes', { capability: capability('SINGLE_NODE_WRITER', { accessTimes: 'noatime' }) }],
  ])('in another way is refused, and names the difference: %s', async (flag, asked) => {
    const { mounts, publish } = await stagedNode();
    await publish();
    const before = await mounts.list();
    await expect(publish(asked)).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'targetPath',
      message: `the volume is already mounted at "${target}", but differs in ${flag}`,
    });
    expect(await mounts.list()).toEqual(before);
  });
});

describe('publishing is refused', () => {
  test('if the volume is not staged', async () => {
    const { model, volume } = await stagedNode();
    for (const path of ['/pod', '/missing']) {
      const spec = { stagingPath: path, targetPath: target, capability: capability(), readOnly: false };
      await expect(publishVolume(model, volume, spec)).rejects.toMatchObject({
        kind: 'precondition',
        about: 'stagingPath',
        message: `volume "${volume.id}" is not staged at "${path}"`,
      });
    }
  });

  test('if another volume is staged', async () => {
    const { model, addVolume } = await stagedNode();
    const other = await addVolume('other');
    const spec = { stagingPath, targetPath: target, capability: capability(), readOnly: false };
    await expect(publishVolume(model, other, spec)).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('if target and staging path are the same', async () => {
    const { publish } = await stagedNode();
    await expect(publish({ targetPath: stagingPath })).rejects.toMatchObject({ kind: 'invalid' });
  });

  test.each<[string, string, (node: Node) => void, string?]>([
    ['a file is at the target', 'precondition', ({ mounts }) => mounts.tree.makeFile(target, '')],
    ['a socket is at the target', 'precondition', ({ mounts }) => mounts.tree.makeSocket(target)],
    ['the target is a symbolic link', 'invalid', ({ mounts }) => mounts.tree.makeSymlink(target, '/')],
    [
      'a symbolic link is in the path',
      'invalid',
      ({ mounts }) => mounts.tree.makeSymlink('/link', '/pod'),
      '/link/target',
    ],
    ['its parent is missing', 'precondition', () => {}, '/missing/target'],
    [
      'something else is mounted there',
      'precondition',
      ({ mounts, makeDirectory }) => void mounts.mountForeign(makeDirectory(target)),
    ],
  ])('if %s, and nothing is remembered', async (_, kind, arrange, targetPath = target) => {
    const node = await stagedNode();
    arrange(node);
    const before = await node.mounts.list();
    await expect(node.publish({ targetPath })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(posix.dirname(targetPath)),
    });
    expect(await node.mounts.list()).toEqual(before);
    expect(node.targetsOf()).toEqual([]);
  });
});

describe('a failing publish', () => {
  test('at the mount leaves no target directory and no reservation', async () => {
    const { mounts, publish, targetsOf } = await stagedNode();
    vi.spyOn(mounts, 'bind').mockRejectedValueOnce(systemError('ENOMEM'));
    await expect(publish({ capability: singleWriter })).rejects.toThrow('ENOMEM');
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect(targetsOf()).toEqual([]);
    await publish({ capability: singleWriter, targetPath: '/pod/second' });
  });

  test('at the mount leaves a directory that existed before', async () => {
    const { mounts, publish, makeDirectory } = await stagedNode();
    makeDirectory(target);
    vi.spyOn(mounts, 'bind').mockRejectedValueOnce(systemError('ENOMEM'));
    await expect(publish()).rejects.toThrow('ENOMEM');
    expect((await mounts.inspect(target)).kind).toBe('directory');
  });

  test.each(['publish: checked', 'publish: target made'] as const)(
    'at "%s" leaves nothing behind',
    async (step) => {
      const { mounts, publish, targetsOf } = await stagedNode(failAt(step, systemError('EIO')));
      await expect(publish()).rejects.toThrow('EIO');
      expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
      expect(targetsOf()).toEqual([]);
    },
  );
});

describe('SINGLE_NODE_SINGLE_WRITER', () => {
  test.each([
    ['was published with it', singleWriter, multiWriter],
    ['is published with it now', multiWriter, singleWriter],
    ['is published with it twice', singleWriter, singleWriter],
  ])('refuses a second target, if the volume %s', async (_, first, second) => {
    const { mounts, publish } = await stagedNode();
    await publish({ capability: first });
    await expect(publish({ capability: second, targetPath: '/pod/second' })).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(`is already published at "${target}"`),
    });
    expect(await mounts.inspect('/pod/second')).toEqual({ kind: 'absent' });
  });

  test('refuses a second target of a volume made for it, whatever is requested after a restart', async () => {
    const { model, mounts, volume, publish, makeDirectory } = await stagedNode();
    Object.assign(volume, { accessModes: ['SINGLE_NODE_SINGLE_WRITER'] });
    const mountId = mounts.mountForeign(makeDirectory('/found'));
    model.host.mountIndex.add({ volumeId: volume.id, path: '/found', mountId, use: { kind: 'found' } });
    await expect(publish({ capability: multiWriter })).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('can be published at its target again', async () => {
    const { publish, targetsOf } = await stagedNode();
    await publish({ capability: singleWriter });
    await publish({ capability: singleWriter });
    expect(targetsOf()).toHaveLength(1);
  });

  test('allows another target when the first is unmounted, also by others', async () => {
    const { mounts, publish, targetsOf } = await stagedNode();
    await publish({ capability: singleWriter });
    await mounts.unmount(target);
    await publish({ capability: singleWriter, targetPath: '/pod/second' });
    expect(targetsOf()).toMatchObject([{ path: '/pod/second' }]);
  });

  test('counts a mount found at start, but not a mount of a directory inside the volume', async () => {
    const { model, mounts, volume, publish, makeDirectory } = await stagedNode();
    const mountId = mounts.mountForeign(makeDirectory('/found'));
    const found = (kind: 'found' | 'inside') =>
      model.host.mountIndex.add({ volumeId: volume.id, path: '/found', mountId, use: { kind } });
    found('found');
    await expect(publish({ capability: singleWriter })).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('/found'),
    });
    found('inside');
    await publish({ capability: singleWriter });
  });

  test('lets exactly one of two concurrent publishes succeed', async () => {
    const { publish, targetsOf } = await stagedNode();
    const paths = ['/pod/one', '/pod/two', '/pod/three'];
    const outcomes = await Promise.allSettled(
      paths.map((targetPath) => publish({ capability: singleWriter, targetPath })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(targetsOf()).toHaveLength(1);
  });

  test.each(['publish: checked', 'publish: target made'] as const)(
    'refuses a second publish while the first is at "%s"',
    async (step) => {
      const gate = gateAt(step);
      const { publish, targetsOf } = await stagedNode(gate.onStep);
      const first = publish({ capability: singleWriter });
      await gate.reached;
      const second = publish({ capability: multiWriter, targetPath: '/pod/second' });
      await expect(second).rejects.toMatchObject({ kind: 'precondition' });
      gate.open();
      await first;
      expect(targetsOf()).toMatchObject([{ path: target }]);
    },
  );
});

const others = accessModes.filter((mode) => mode !== 'SINGLE_NODE_SINGLE_WRITER');

test.each(others)('%s can be published at several targets at once', async (mode) => {
  const { publish, targetsOf } = await stagedNode();
  await Promise.all(
    ['/pod/one', '/pod/two'].map((targetPath) => publish({ capability: capability(mode), targetPath })),
  );
  expect(targetsOf()).toHaveLength(2);
});
