import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { fileSystemUuid, isSubvolume, subvolumeId } from '../../../src/kernel/file-systems/btrfs.ts';
import { qgroupOf, setQgroupLimit } from '../../../src/kernel/file-systems/btrfs-quota.ts';
import { bind } from '../../support/bind.ts';
import { btrfs } from '../../support/btrfs.ts';
import { runDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { image } from '../../support/image-node.ts';
import { endPod, kubeletOf, newPod, publishRequest } from '../../support/inline-pod.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;

/** A node whose driver has a socket for its status. */
function nodeWithStatus() {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--status-socket=${socket}`];
  const check = async (...words: string[]) => {
    const { code, stdout, stderr } = await runDriver(['check', `--socket=${socket}`, ...words]);
    return { code, output: `${stdout}${stderr}` };
  };
  return { node, flags, check };
}

/** Removes a volume without the driver, as nobody should. */
function removeByHand(node: TestNode, id: string): void {
  rmSync(join(node.pool, 'volumes', id), { recursive: true });
}

describe('a mount of a volume that is gone', () => {
  async function leftMount({ isOnAnother = false } = {}) {
    const { node, flags, check } = nodeWithStatus();
    await node.start({ flags });
    const kept = await node.createStaged('kept');
    const gone = await node.create('gone');
    const left = node.newStaging();
    if (isOnAnother) await bind(kept.staging_target_path, left);
    await bind(join(node.pool, 'volumes', gone, 'data'), left);
    removeByHand(node, gone);
    await node.restart({ flags });
    return { node, check, gone, left, kept: kept.staging_target_path };
  }

  test('is shown, and unmounted by a repair, and nothing else is', async () => {
    const { node, check, gone, left, kept } = await leftMount();
    const before = await mountsBelow(node.directory);
    expect(before.toSorted()).toEqual([kept, left].toSorted());
    for (const words of [[], ['--repair', '--dry-run']]) {
      expect((await check(...words)).output).toContain(
        `mount ${left}\n  it is a mount of ${gone}, which does not exist\n  What to do: run check --repair to unmount it\n`,
      );
    }
    expect(await mountsBelow(node.directory)).toEqual(before);
    const { output } = await check('--repair');
    expect(output).toMatch(/^repaired: mount .*\n {2}it is a mount of .*\n {2}Done: unmount it\n/);
    expect(output).not.toContain('to unmount it');
    expect(await mountsBelow(node.directory)).toEqual([kept]);
    expect((await check('--repair')).output).not.toContain('repaired');
  });

  test('stays while a process uses it', async () => {
    const { node, check, left, kept } = await leftMount();
    const user = spawn('sleep', ['infinity'], { cwd: left });
    await once(user, 'spawn');
    const busy = await check('--repair');
    expect(busy).toMatchObject({ code: 1, output: expect.stringMatching(/^not repaired: mount /) });
    expect(busy.output).toMatch(/ {2}Error: .*(busy|in use)/);
    user.kill('SIGKILL');
    await once(user, 'exit');
    expect((await mountsBelow(node.directory)).toSorted()).toEqual([kept, left].toSorted());
  });

  test('stays if something else is mounted at the same path', async () => {
    const { node, check, left, kept } = await leftMount({ isOnAnother: true });
    expect((await check('--repair')).output).toContain(
      `  Error: something else is mounted at "${left}" as well; unmount it there by hand\n`,
    );
    expect((await mountsBelow(node.directory)).toSorted()).toEqual([kept, left, left].toSorted());
  });
});

describe.skipIf(!isHostRoot)('a loop device of an image that is gone', () => {
  async function leftDevice(removed: (node: TestNode, id: string) => string) {
    const { node, flags, check } = nodeWithStatus();
    await node.start({ flags });
    const id = await node.create('gone', image(64 * MIB));
    await node.stop();
    const file = removed(node, id);
    const words = ['--find', '--show', join(file, 'image')];
    const device = execFileSync('losetup', words, { encoding: 'utf8' }).trim();
    const isAttached = () => existsSync(`/sys/block/${device.slice('/dev/'.length)}/loop`);
    onTestFinished(() => {
      if (isAttached()) execFileSync('losetup', ['--detach', device]);
    });
    return { node, flags, check, id, file, device, isAttached };
  }

  test('is detached if the driver was told to delete the image', async () => {
    const { node, flags, check, file, device, isAttached } = await leftDevice(({ pool }, id) => {
      const outgoing = join(pool, '.outgoing', `${id}.01234567`);
      renameSync(join(pool, 'volumes', id), outgoing);
      return outgoing;
    });
    await node.start({ flags });
    await eventually(() => expect(existsSync(file)).toBe(false));
    const problem = `device ${device}\n  it is attached to ${file}/image, which was deleted with its volume`;
    expect(await check()).toEqual({
      code: 1,
      output: `${problem}\n  What to do: run check --repair to detach it\n\n1 problem with 0 volumes and 0 snapshots in 1 pool.\n`,
    });
    expect(isAttached()).toBe(true);
    const none = 'No problems with 0 volumes and 0 snapshots in 1 pool.\n';
    expect(await check('--repair')).toEqual({
      code: 0,
      output: `repaired: ${problem}\n  Done: detach it\n\n${none}`,
    });
    expect(isAttached()).toBe(false);
    expect(await check()).toEqual({ code: 0, output: none });
  });

  test('is left to a person if the image was removed by hand, since it has the only copy', async () => {
    const { node, flags, check, id, device, isAttached } = await leftDevice(({ pool }, volumeId) =>
      join(pool, 'volumes', volumeId),
    );
    removeByHand(node, id);
    await node.start({ flags });
    const { code, output } = await check('--repair');
    expect(code).toBe(1);
    expect(output).toContain(
      `What to do: The image was removed, so the device has the only copy: save what you want to keep. Unmount it wherever it is mounted, and detach it: losetup --detach ${device}\n\n1 problem`,
    );
    expect(isAttached()).toBe(true);
  });
});

test('an inline volume is deleted once its pod is gone, and not before', async () => {
  const { node, flags, check } = nodeWithStatus();
  const kubelet = kubeletOf(node);
  mkdirSync(kubelet.pods, { recursive: true });
  await node.start({ flags: [...flags, ...kubelet.flags] });
  const [gone, there] = [newPod(node, 'gone'), newPod(node, 'there')];
  for (const pod of [gone, there]) {
    await node.node.NodePublishVolume(publishRequest(pod));
    execFileSync('umount', [pod.target_path]);
  }
  endPod(gone);
  const { output } = await check();
  expect(output).toContain(
    `volume ${gone.volume_id}\n  it is an inline volume, and its pod is gone (${gone.target_path})\n  What to do: run check --repair to delete it`,
  );
  expect(output).not.toContain(`(${there.target_path})`);
  expect((await check('--repair')).output).toContain(`repaired: volume ${gone.volume_id}\n`);
  const { entries = [] } = await node.controller.ListVolumes({});
  expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([there.volume_id]);
});

describe.skipIf(!isHostRoot)('on btrfs', () => {
  async function limitedVolume() {
    const pool = btrfs('qgroup');
    const { node, flags, check } = nodeWithStatus();
    await node.start({ flags: [...flags, `--pool=btrfs=${pool}`] });
    const parameters = { pool: 'btrfs' };
    const capacity_range = { required_bytes: 64 * MIB };
    const id = await node.create('data', { parameters, capacity_range });
    const data = join(pool, 'volumes', id, 'data');
    return { node, check, pool, id, data };
  }

  function withData<T>(data: string, use: (fd: number) => Promise<T>): Promise<T> {
    return withDescriptor(data, 'r', use);
  }

  const limitOf = (data: string) =>
    withData(data, async (fd) => (await qgroupOf(fileSystemUuid(fd), subvolumeId(fd)))?.limitBytes);

  test('a limit that another program has changed is that of the record again', async () => {
    const { check, data } = await limitedVolume();
    await withData(data, (fd) => setQgroupLimit(fd, subvolumeId(fd), 640n * 1024n ** 2n));
    const { code, output } = await check();
    expect([code, output]).toEqual([
      1,
      expect.stringMatching(
        /^volume data\n.*the limit in force is not that of its record\n {2}What to do: run check --repair to set the limit that its record has\n/,
      ),
    ]);
    expect(await check('--repair')).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^repaired: volume data\n/),
    });
    expect(await limitOf(data)).toBe(64n * 1024n ** 2n);
  });

  test('a directory that was restored from files is a limited subvolume again, with the same files', async () => {
    const { node, check, pool, id, data } = await limitedVolume();
    restoreByHand(data);
    const listed = () =>
      execFileSync('find', ['.', '-printf', '%P %m %U %G %T@\n'], { cwd: data }).toString();
    const files = listed();
    const staging_target_path = node.newStaging();
    const paths = { volume_id: id, staging_target_path, volume_capability: mountCapability() };
    await node.node.NodeStageVolume(paths);
    const busy = await check('--repair');
    expect(busy.output).toContain(`  Error: volume "${id}" is still mounted at ${staging_target_path}\n`);
    expect(busy.code).toBe(1);
    expect(await withData(data, isSubvolume)).toBe(false);
    await node.node.NodeUnstageVolume(paths);
    expect((await check('--repair')).output).toMatch(/^repaired: volume data\n/);
    expect(await withData(data, isSubvolume)).toBe(true);
    expect(await limitOf(data)).toBe(64n * 1024n ** 2n);
    expect(listed()).toBe(files);
    expect(readFileSync(join(data, 'sub', 'file'), 'utf8')).toBe('kept');
    expect(readdirSync(dirname(data)).toSorted()).toEqual(['data', 'volume.json']);
    await eventually(() => expect(readdirSync(join(pool, '.incoming'))).toEqual([]));
    expect(await check()).toMatchObject({ code: 0 });
  });

  /** Replaces a subvolume with a directory that has a file, as restoring a backup does. */
  function restoreByHand(data: string): void {
    mkdirSync(join(data, 'sub'));
    writeFileSync(join(data, 'sub', 'file'), 'kept', { mode: 0o640 });
    execFileSync('cp', ['-aT', data, `${data}.copy`]);
    execFileSync('btrfs', ['subvolume', 'delete', data], { stdio: 'ignore' });
    renameSync(`${data}.copy`, data);
  }
});
