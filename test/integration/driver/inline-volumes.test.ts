import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { asUser } from '../../support/as-user.ts';
import { btrfs } from '../../support/btrfs.ts';
import type { TestDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, blockDevice, df, fileSystem, mountedAs } from '../../support/image-node.ts';
import {
  endPod,
  ephemeral,
  expectGone,
  expectNoVolumes,
  type InlinePod,
  inlineDirectory,
  kubeletOf,
  newPod,
  publishRequest,
} from '../../support/inline-pod.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal, outcomeOf } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Start, startedNode, TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const image = { backend: 'image', size: '64Mi' };
const backends = isHostRoot ? ['directory', 'image'] : ['directory'];

/** Ids that would do harm if they became paths, or were split. */
const hostileIds = [
  '../victim',
  '../../victim',
  '/etc/passwd',
  '.',
  '..',
  '\0',
  'new\nline\r',
  '.csi-hostpath',
  `x-${Buffer.from('../victim').toString('base64url')}`,
  'n'.repeat(128),
  '\u{1F4BE}'.repeat(32),
  'name-0123456789abcdef-01234567-89abcdef',
  '__proto__',
  ' ',
];

/** A node with a kubelet's directory, and a driver that knows it. */
async function inlineNode({ flags = [], ...start }: Start = {}) {
  const node = testNode();
  const kubelet = kubeletOf(node);
  const started = { ...start, flags: [...kubelet.flags, ...flags] };
  const driver = await node.start(started);
  return { node, kubelet, started, driver };
}

/** Writes until the volume is full. @returns the bytes written */
function fill(path: string): number {
  const file = join(path, 'filling');
  const { stderr } = spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'conv=fsync'], {
    encoding: 'utf8',
  });
  expect(stderr).toMatch(/No space left on device|Disk quota exceeded/);
  return statSync(file).size;
}

describe('on a running driver', () => {
  let node: TestNode;
  let podCount = 0;

  beforeAll(async () => {
    node = new TestNode();
    await node.start({ flags: kubeletOf(node).flags });
    return () => node.dispose();
  });

  const pod = () => newPod(node, `uid-${podCount++}`);
  const publish = (...asked: Parameters<typeof publishRequest>) =>
    node.node.NodePublishVolume(publishRequest(...asked));

  test('an inline volume exists while its pod does, and leaves nothing behind', async () => {
    const paths = pod();
    await publish(paths, { size: '8Mi', uid: '1000', gid: '1000', mode: '0750' });
    const { uid, gid, mode } = statSync(paths.target_path);
    if (isHostRoot) expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1000, gid: 1000, mode: 0o750 });
    expect(asUser('echo hello > "$1/file"', paths.target_path)).toMatchObject({ status: 0, stderr: '' });
    const data = join(inlineDirectory(node.pool, paths), 'data');
    expect(readFileSync(join(data, 'file'), 'utf8')).toBe('hello\n');

    const { entries = [] } = await node.controller.ListVolumes({});
    expect(entries.map(({ volume }) => volume)).toContainEqual(
      expect.objectContaining({ volume_id: paths.volume_id, capacity_bytes: String(8 * MIB) }),
    );
    const stats = { volume_id: paths.volume_id, volume_path: paths.target_path };
    const { usage = [] } = await node.node.NodeGetVolumeStats(stats);
    expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);

    await node.node.NodeUnpublishVolume(paths);
    expect(existsSync(paths.target_path)).toBe(false);
    await node.node.NodeUnpublishVolume(paths);
    endPod(paths);
    await expectGone(node, paths);
  });

  test.runIf(isHostRoot)(
    'an inline image is attached while its pod exists, and its size is enforced',
    async () => {
      const paths = pod();
      await publish(paths, image, { volume_capability: fileSystem('ext4', ['noexec']) });
      expect(mountedAs(paths.target_path)).toMatchObject({
        fsType: 'ext4',
        options: expect.arrayContaining(['noexec', 'discard']),
      });
      expect(Number(df(paths.target_path).total)).toBeLessThanOrEqual(64 * MIB);
      expect(fill(paths.target_path)).toBeGreaterThan(40 * MIB);
      const file = join(inlineDirectory(node.pool, paths), 'image');
      expect(allocatedBytes(file)).toBeLessThan(66 * MIB);
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnpublishVolume(paths);
      endPod(paths);
      await expectGone(node, paths);
    },
  );

  describe.each(backends)('an inline volume of the backend %s', (backend) => {
    const attributes = { ...image, backend };

    test('published read-only takes no writes', async () => {
      const paths = pod();
      await publish(paths, attributes, { readonly: true });
      expect(asUser('touch "$1/file"', paths.target_path).stderr).toContain('Read-only file system');
      await node.node.NodeUnpublishVolume(paths);
    });

    test('keeps its data when published again in the same way; in another way it is refused', async () => {
      const paths = pod();
      await publish(paths, attributes);
      writeFileSync(join(paths.target_path, 'file'), 'kept');
      const before = await mountsBelow(node.directory);
      await publish(paths, attributes);
      await expectRefusal(publish(paths, attributes, { readonly: true }), 'ALREADY_EXISTS', 'readOnly');
      const flagged = { volume_capability: mountCapability('SINGLE_NODE_WRITER', ['noexec']) };
      await expectRefusal(publish(paths, attributes, flagged), 'ALREADY_EXISTS', 'noExec');
      const elsewhere = { ...paths, target_path: pod().target_path };
      await expectRefusal(publish(elsewhere, attributes), 'FAILED_PRECONDITION', paths.target_path);
      expect(existsSync(elsewhere.target_path)).toBe(false);
      expect(await mountsBelow(node.directory)).toEqual(before);
      expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('kept');
      // An unpublish at another path does not end it either.
      await node.node.NodeUnpublishVolume(elsewhere);
      expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('kept');
      await node.node.NodeUnpublishVolume(paths);
      await expectGone(node, paths);
    });

    test('grows at its target', async () => {
      const paths = pod();
      // ext4 grows while mounted only for a process with CAP_SYS_RESOURCE.
      await publish(paths, { ...attributes, size: '320Mi' }, { volume_capability: fileSystem('xfs') });
      const { volume_id } = paths;
      const capacity_range = { required_bytes: 640 * MIB };
      const grow = { volume_id, volume_path: paths.target_path, capacity_range };
      expect(await node.node.NodeExpandVolume(grow)).toEqual({ capacity_bytes: String(640 * MIB) });
      if (backend === 'image') expect(Number(df(paths.target_path).total)).toBeGreaterThan(500 * MIB);
      await node.node.NodeUnpublishVolume(paths);
    });

    test('is made once by many concurrent publishes', async () => {
      const paths = pod();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => outcomeOf(publish(paths, attributes))),
      );
      const codes = outcomes.map((outcome) => (outcome === 'OK' ? 'OK' : outcome.code));
      expect(codes.filter((code) => code === 'OK').length).toBeGreaterThan(0);
      expect([...new Set(codes)].filter((code) => code !== 'OK' && code !== 'ABORTED')).toEqual([]);
      expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
      const { entries = [] } = await node.controller.ListVolumes({});
      const ids = entries.map(({ volume }) => volume?.volume_id);
      expect(ids.filter((id) => id === paths.volume_id)).toHaveLength(1);
      await node.node.NodeUnpublishVolume(paths);
      await expectGone(node, paths);
    });

    test('cannot be staged, copied or deleted while its pod has it', async () => {
      const paths = pod();
      const { volume_id } = paths;
      await publish(paths, attributes);
      const stage = {
        volume_id,
        staging_target_path: node.newStaging(),
        volume_capability: mountCapability(),
      };
      await expectRefusal(node.node.NodeStageVolume(stage), 'FAILED_PRECONDITION', 'cannot be staged');
      const snapshot = node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
      await expectRefusal(snapshot, 'FAILED_PRECONDITION', 'inline volume');
      const group = { name: 'g', source_volume_ids: [volume_id] };
      const cut = node.groupController.CreateVolumeGroupSnapshot(group);
      await expectRefusal(cut, 'FAILED_PRECONDITION', 'inline volume');
      const clone = node.create('clone', { volume_content_source: { volume: { volume_id } } });
      await expectRefusal(clone, 'INVALID_ARGUMENT', 'inline volume');
      await expectRefusal(
        node.controller.DeleteVolume({ volume_id }),
        'FAILED_PRECONDITION',
        paths.target_path,
      );
      await node.node.NodeUnpublishVolume(paths);
    });

    test('that was unmounted by an administrator can be deleted, and its leftovers unpublished', async () => {
      const paths = pod();
      await publish(paths, attributes);
      await unmount(paths.target_path);
      await node.controller.DeleteVolume({ volume_id: paths.volume_id });
      await node.node.NodeUnpublishVolume(paths);
      // It can no longer be recognised as the driver's, and the CO removes it.
      rmdirSync(paths.target_path);
      await expectGone(node, paths);
    });

    test('leaves nothing behind if its publish cannot mount', async () => {
      const paths = pod();
      const before = listing(node.directory, ['pool/.outgoing']);
      // Known to the driver, and not to ext4: the kernel refuses it. Directories are not made with it.
      const flagged = { volume_capability: fileSystem('', ['allocsize=64k']) };
      await expectRefusal(publish(paths, attributes, flagged), 'FAILED_PRECONDITION', 'allocsize');
      await expectGone(node, paths);
      expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
    });
  });

  test('is refused if it cannot be made, with the name of the attribute, and leaves nothing behind', async () => {
    const paths = pod();
    const before = listing(node.directory, ['pool/.outgoing']);
    const wrong: [Record<string, string>, string][] = [
      [{ size: '64 MiB' }, 'volume_context.size: "64 MiB"'],
      [{ size: '2Ti' }, 'volume_context.size: '],
      [{ colour: 'blue' }, 'volume_context: unknown parameter "colour"'],
      [{ pool: 'nowhere' }, 'volume_context.pool: "nowhere"'],
      [{ backend: 'tape' }, 'volume_context.backend: "tape"'],
      [{ mode: 'rwx' }, 'volume_context.mode: "rwx"'],
    ];
    for (const [attributes, message] of wrong) {
      await expectRefusal(publish(paths, attributes), 'INVALID_ARGUMENT', message);
    }
    const block = publish(paths, {}, { volume_capability: blockDevice() });
    await expectRefusal(block, 'INVALID_ARGUMENT', 'block volume');
    const file = { ...paths, target_path: join(paths.directory, 'missing', 'mount') };
    await expectRefusal(publish(file), 'FAILED_PRECONDITION', 'target_path');
    expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
    await expectGone(node, paths);
  });

  test('the id of a volume with a claim is refused, and that volume stays unchanged', async () => {
    const volume_id = await node.create('with a claim');
    await expectRefusal(publish({ ...pod(), volume_id }), 'FAILED_PRECONDITION', 'not an inline volume');
    await node.controller.DeleteVolume({ volume_id });
  });

  test.each(hostileIds)('%j is a valid id, and makes one directory among the volumes', async (volume_id) => {
    const victim = join(node.directory, 'victim');
    mkdirSync(victim, { recursive: true });
    writeFileSync(join(victim, 'file'), 'precious');
    const outside = () =>
      listing(node.directory, ['pool/volumes', 'pool/.outgoing', 'pool/.incoming', 'kubelet']);
    const before = outside();
    const volumes = () => readdirSync(join(node.pool, 'volumes'));
    const volumesBefore = volumes();
    const paths = { ...pod(), volume_id };
    await publish(paths);
    const made = volumes().filter((name) => !volumesBefore.includes(name));
    expect(made).toEqual([expect.stringMatching(/^[A-Za-z0-9_-]{1,200}$/)]);
    writeFileSync(join(paths.target_path, 'file'), 'data');
    expect(outside()).toEqual(before);
    await node.node.NodeUnpublishVolume(paths);
    await expectGone(node, paths);
    expect(outside()).toEqual(before);
  });

  test.each(['n'.repeat(129), '\u{1F4BE}'.repeat(33), 'n'.repeat(1_000_000)])(
    'an id over 128 bytes is refused',
    async (volume_id) => {
      const paths = { ...pod(), volume_id };
      await expectRefusal(publish(paths), 'INVALID_ARGUMENT', 'volume_id');
      await node.node.NodeUnpublishVolume(paths);
      await expectGone(node, paths);
    },
  );
});

test.skipIf(!isHostRoot)(
  'on btrfs with quotas an inline volume is a subvolume with an enforced size',
  async () => {
    const pool = btrfs('qgroup');
    const { node } = await inlineNode({ flags: [`--pool=fast=${pool}`] });
    const paths = newPod(node, 'uid');
    await node.node.NodePublishVolume(publishRequest(paths, { pool: 'fast', size: '32Mi' }));
    const { volume } = await node.controller.ControllerGetVolume({ volume_id: paths.volume_id });
    expect(volume?.volume_context).toEqual({
      pool: 'fast',
      backend: 'subvolume',
      capacityEnforced: 'true',
      dfShows: 'pool',
    });
    const written = fill(paths.target_path);
    expect(written).toBeGreaterThan(24 * MIB);
    expect(written).toBeLessThanOrEqual(32 * MIB);
    await node.node.NodeUnpublishVolume(paths);
    expect(readdirSync(join(node.pool, 'volumes'))).toEqual([]);
    await expectNoVolumes(node, pool);
  },
);

test('after a restart a volume is found by its id, whatever characters it has', async () => {
  const { node, started } = await inlineNode();
  const pods = hostileIds.map((volume_id, index) => newPod(node, `uid-${index}`, volume_id));
  for (const pod of pods) await node.node.NodePublishVolume(publishRequest(pod));
  await node.restart(started);
  const { entries = [] } = await node.controller.ListVolumes({});
  expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([...hostileIds].sort());
  for (const pod of pods) {
    await node.node.NodePublishVolume(publishRequest(pod));
    await node.node.NodeUnpublishVolume(pod);
  }
  await expectNoVolumes(node);
});

test('the capacity of an inline volume is freed when it is removed or cannot be made', async () => {
  const { node } = await inlineNode({ flags: ['--capacity=default=10Mi'] });
  const room = async () => Number((await node.controller.GetCapacity({})).available_capacity);
  const publish = (pod: InlinePod, size: string) =>
    node.node.NodePublishVolume(publishRequest(pod, { size, backend: 'directory' }));
  const [first, second] = [newPod(node, 'first'), newPod(node, 'second')];
  await publish(first, '6Mi');
  expect(await room()).toBe(4 * MIB);
  await expectRefusal(publish(second, '5Mi'), 'RESOURCE_EXHAUSTED', 'volume_context.size');
  expect(await room()).toBe(4 * MIB);
  await node.node.NodeUnpublishVolume(first);
  expect(await room()).toBe(10 * MIB);
  await publish(second, '5Mi');
  await node.node.NodeUnpublishVolume(second);
  await node.node.NodeUnpublishVolume(second);
  expect(await room()).toBe(10 * MIB);
});

test('with --ephemeral every publish is of an inline volume, unless its context says otherwise', async () => {
  const { node, started } = await inlineNode({ ownProcess: true });
  const volume_id = await node.create('made before');
  await node.restart({ ...started, flags: [...started.flags, '--ephemeral'] });
  const paths = newPod(node, 'uid');
  const publish = (changes: object = {}) =>
    node.node.NodePublishVolume({ ...publishRequest(paths), volume_context: { size: '1Mi' }, ...changes });
  await publish();
  await expectRefusal(publish({ volume_id }), 'FAILED_PRECONDITION', 'not an inline volume');
  const volume_context = { 'csi.storage.k8s.io/ephemeral': 'false' };
  const staged = {
    volume_id,
    volume_context,
    staging_target_path: node.newStaging(),
    target_path: node.newPath(),
  };
  await node.node.NodeStageVolume({ ...staged, volume_capability: mountCapability() });
  await node.node.NodePublishVolume({ ...staged, volume_capability: mountCapability() });
  await node.node.NodeUnpublishVolume(staged);
  await node.node.NodeUnstageVolume(staged);
  await node.controller.DeleteVolume({ volume_id });
  // Its kind stays in its record.
  await node.restart(started);
  await node.node.NodeUnpublishVolume(paths);
  await expectNoVolumes(node);
});

describe.each(backends)('over a restart of the driver, an inline volume of the backend %s', (backend) => {
  const attributes = { ...image, backend };

  test.each(['SIGTERM', 'SIGKILL'] as const)('by %s, keeps its mount', async (signal) => {
    const { node, started } = await inlineNode({ ownProcess: true });
    const paths = newPod(node, 'uid');
    const publish = () => node.node.NodePublishVolume(publishRequest(paths, attributes));
    await publish();
    writeFileSync(join(paths.target_path, 'file'), 'kept');
    await node.stop(signal);
    await node.start(started);
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('kept');
    const { volume_id } = paths;
    await expectRefusal(
      node.controller.DeleteVolume({ volume_id }),
      'FAILED_PRECONDITION',
      paths.target_path,
    );
    const before = await mountsBelow(node.directory);
    await publish();
    expect(await mountsBelow(node.directory)).toEqual(before);
    await node.stop(signal);
    await node.start(started);
    await node.node.NodeUnpublishVolume(paths);
    await expectNoVolumes(node);
  });
});

/** Ends the driver and all mounts, as a power cut does. */
async function loseNode(node: TestNode): Promise<void> {
  await node.stop('SIGKILL');
  for (const path of (await mountsBelow(node.directory)).reverse()) await unmount(path);
}

function linesOf(
  driver: TestDriver,
  paths: InlinePod,
): { level: number; msg: string; targetPath?: string }[] {
  return driver
    .log()
    .split('\n')
    .filter((line) => line.includes(paths.volume_id) && line.includes('inline volume'))
    .map((line) => JSON.parse(line) as { level: number; msg: string });
}

const DEBUG = 20;
const INFO = 30;

describe.each(backends)('after a reboot of the node, an inline volume of the backend %s', (backend) => {
  const attributes = { ...image, backend };

  async function rebooted(change: (paths: InlinePod, kubelet: ReturnType<typeof kubeletOf>) => void) {
    const { node, kubelet, started } = await inlineNode({ ownProcess: true });
    const paths = newPod(node, 'uid');
    const neighbour = newPod(node, 'neighbour');
    await node.node.NodePublishVolume(publishRequest(paths, attributes));
    writeFileSync(join(paths.target_path, 'file'), 'kept');
    // No sync before the power fails; which data the driver must keep is tested elsewhere.
    execFileSync('sync', ['-f', paths.target_path]);
    await loseNode(node);
    change(paths, kubelet);
    const driver = await node.start({ ...started, flags: [...started.flags, '--v=4'] });
    return { node, kubelet, started, paths, neighbour, lines: linesOf(driver, paths) };
  }

  const volumesOf = ({ pool }: TestNode) => readdirSync(join(pool, 'volumes'));

  test('whose pod still exists stays, and has its data when it is published again', async () => {
    const { node, paths, lines } = await rebooted(() => {});
    expect(lines).toEqual([]);
    await node.node.NodePublishVolume(publishRequest(paths, attributes));
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('kept');
    expect(volumesOf(node)).toHaveLength(1);
    await node.node.NodeUnpublishVolume(paths);
    await expectNoVolumes(node);
  });

  test('whose pod still exists is removed when it is unpublished', async () => {
    const { node, paths } = await rebooted(() => {});
    await node.node.NodeUnpublishVolume(paths);
    await expectNoVolumes(node);
  });

  test('whose pod is gone is removed, and that is logged', async () => {
    const { node, paths, lines } = await rebooted(endPod);
    const { volume_id: volumeId, target_path: targetPath } = paths;
    expect(lines).toMatchObject([
      { level: INFO, volumeId, targetPath, msg: expect.stringContaining('removed') },
    ]);
    await expectNoVolumes(node);
    await node.node.NodeUnpublishVolume(paths);
  });

  test.each<[string, (paths: InlinePod, kubelet: ReturnType<typeof kubeletOf>) => void]>([
    [
      'the directory of the pods is empty, as when its disk is not mounted',
      (_, { pods }) => {
        rmSync(pods, { recursive: true });
        mkdirSync(pods);
      },
    ],
    ['the directory of the pods is missing', (_, { pods }) => rmSync(pods, { recursive: true })],
    ['the kubelet’s directory is missing', (_, { path }) => rmSync(path, { recursive: true })],
    [
      'the kubelet’s directory is empty',
      (_, { path }) => {
        rmSync(path, { recursive: true });
        mkdirSync(path);
      },
    ],
    [
      'the directory of the pods is a symbolic link',
      (_, { pods }) => {
        renameSync(pods, `${pods}-moved`);
        rmSync(join(`${pods}-moved`, 'uid'), { recursive: true });
        symlinkSync(`${pods}-moved`, pods);
      },
    ],
  ])('stays if %s: unknown does not mean gone', async (_, change) => {
    const { node, paths, lines } = await rebooted(change);
    expect(lines).toMatchObject([{ level: DEBUG, targetPath: paths.target_path }]);
    expect(volumesOf(node)).toHaveLength(1);
    expect((await node.controller.ListVolumes({})).entries).toHaveLength(1);
  });

  test('that stayed is removed by a later start that can check its pod', async () => {
    let hidden = '';
    const { node, kubelet, started, paths } = await rebooted((_, { path }) => {
      hidden = `${path}-hidden`;
      renameSync(path, hidden);
    });
    expect(volumesOf(node)).toHaveLength(1);
    await node.stop();
    renameSync(hidden, kubelet.path);
    endPod(paths);
    await node.start(started);
    await expectNoVolumes(node);
  });
});

test("an inline volume whose target is outside the kubelet's directory is removed with the directory of its target", async () => {
  const { node, started } = await inlineNode({ ownProcess: true });
  const paths = { volume_id: 'elsewhere', target_path: node.newPath(), directory: '' };
  await node.node.NodePublishVolume(publishRequest(paths));
  await loseNode(node);
  await node.start(started);
  expect(readdirSync(join(node.pool, 'volumes'))).toHaveLength(1);
  await node.stop();
  rmSync(join(paths.target_path, '..'), { recursive: true });
  await node.start(started);
  await expectNoVolumes(node);
});

test('an inline volume whose pod is gone stays while it is mounted elsewhere', async () => {
  const { node, started } = await inlineNode({ ownProcess: true });
  const paths = newPod(node, 'uid');
  newPod(node, 'neighbour');
  await node.node.NodePublishVolume(publishRequest(paths));
  const elsewhere = node.newStaging();
  execFileSync('mount', ['--bind', paths.target_path, elsewhere]);
  await node.stop('SIGKILL');
  await unmount(paths.target_path);
  endPod(paths);
  await node.start(started);
  expect(readdirSync(join(node.pool, 'volumes'))).toHaveLength(1);
  await node.stop();
  await unmount(elsewhere);
  await node.start(started);
  await expectNoVolumes(node);
});

test('a pod does not wait for a missing disk, and its volume is removed when the disk is back', async () => {
  const node = testNode();
  const kubelet = kubeletOf(node);
  const [disk, store] = [join(node.directory, 'disk'), join(node.directory, 'store')];
  for (const path of [disk, store]) mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', 'none', store]);
  execFileSync('mount', ['--bind', store, disk]);
  await node.start({ flags: [...kubelet.flags, `--pool=disk=${disk}`] });
  const paths = newPod(node, 'uid');
  newPod(node, 'neighbour');
  await node.node.NodePublishVolume(publishRequest(paths, { pool: 'disk' }));
  execFileSync('umount', ['--lazy', disk]);
  await node.node.NodeUnpublishVolume(paths);
  expect(existsSync(paths.target_path)).toBe(false);
  endPod(paths);
  execFileSync('mount', ['--bind', store, disk]);
  const again = newPod(node, 'again');
  await node.node.NodePublishVolume(publishRequest(again, { pool: 'disk' }));
  expect(readdirSync(join(disk, 'volumes'))).toHaveLength(1);
  await node.node.NodeUnpublishVolume(again);
  expect(readdirSync(join(disk, 'volumes'))).toEqual([]);
});

test('a damaged record keeps its id, and its volume is neither recreated nor removed', async () => {
  const { node, started } = await inlineNode({ ownProcess: true });
  const paths = newPod(node, 'uid');
  newPod(node, 'neighbour');
  await node.node.NodePublishVolume(publishRequest(paths));
  await loseNode(node);
  const record = join(inlineDirectory(node.pool, paths), 'volume.json');
  writeFileSync(record, '');
  await node.start(started);
  await expectRefusal(node.node.NodePublishVolume(publishRequest(paths)), 'INTERNAL', paths.volume_id);
  await node.node.NodeUnpublishVolume(paths);
  await node.stop();
  endPod(paths);
  await node.start(started);
  expect(existsSync(record)).toBe(true);
});

test("the kubelet's directory may be reached through a symbolic link", async () => {
  const node = testNode();
  const { path, pods } = kubeletOf(node);
  const real = join(node.directory, 'real');
  mkdirSync(real);
  symlinkSync(real, path);
  await node.start({ flags: [`--kubelet-dir=${path}`], ownProcess: true });
  const paths = newPod(node, 'uid');
  newPod(node, 'neighbour');
  await node.node.NodePublishVolume({ ...publishRequest(paths), volume_context: ephemeral });
  await loseNode(node);
  rmSync(join(pods, 'uid'), { recursive: true });
  await node.start({ flags: [`--kubelet-dir=${path}`] });
  await expectNoVolumes(node);
});

test('an inline volume without a size has the default size of other volumes', async () => {
  const node = await startedNode();
  const paths = { volume_id: 'sizeless', target_path: node.newPath(), directory: '' };
  await node.node.NodePublishVolume(publishRequest(paths));
  const { volume } = await node.controller.ControllerGetVolume({ volume_id: paths.volume_id });
  expect(volume?.capacity_bytes).toBe(String(GIB));
});
