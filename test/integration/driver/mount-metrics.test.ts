import { execFileSync } from 'node:child_process';
import fs, { copyFileSync, renameSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { scrape, scrapeUntil, withMetrics } from '../../support/metrics/scrape.ts';
import { PodDevice } from '../../support/pod-device.ts';
import { shutDown } from '../../support/shut-down.ts';
import { type Published, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;

async function monitoredNode() {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics] });
  /** Scrapes until a volume has these problems, and no others. */
  const expectReasons = async ({ volume_id }: Pick<Published, 'volume_id'>, reasons: string[]) => {
    await scrapeUntil(driver, (metrics) => metrics.reasons({ volume_id }).join() === reasons.join());
  };
  return { node, driver, expectReasons };
}

const publishImage = (node: TestNode, name: string, fsType: string, mib: number) =>
  node.createPublished(name, fileSystem(fsType), image(mib * MIB));

describe.skipIf(!isHostRoot)('the metrics show that', () => {
  test.each([
    { fsType: 'ext4', mib: 64, reason: 'UnexpectedlyReadOnly' },
    { fsType: 'xfs', mib: 320, reason: 'DiskError' },
  ])('the $fsType of a published image has shut itself down', async ({ fsType, mib, reason }) => {
    const { node, expectReasons } = await monitoredNode();
    const paths = await publishImage(node, 'a', fsType, mib);
    const other = await publishImage(node, 'b', fsType, mib);
    await expectReasons(paths, []);
    shutDown(paths.target_path);
    await expectReasons(paths, [reason]);
    await expectReasons(other, []);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await expectReasons(paths, []);
  });

  test('a target was unmounted by others, until it is published again', async () => {
    const { node, expectReasons } = await monitoredNode();
    const paths = await publishImage(node, 'a', 'ext4', 64);
    execFileSync('umount', [paths.target_path]);
    await expectReasons(paths, ['NotMounted']);
    await node.node.NodePublishVolume({ ...paths, volume_capability: fileSystem('ext4') });
    await expectReasons(paths, []);
  });

  test('something else is mounted over a volume', async () => {
    const { node, expectReasons } = await monitoredNode();
    const paths = await publishImage(node, 'a', 'ext4', 64);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', paths.target_path]);
    await expectReasons(paths, ['WrongMount']);
    execFileSync('umount', [paths.target_path]);
    await expectReasons(paths, []);
  });

  test('a pod has detached its block device', async () => {
    const { node, expectReasons } = await monitoredNode();
    const paths = await node.createPublished('a', blockDevice(), image(16 * MIB));
    new PodDevice(node.directory, 'pod', paths.target_path).detach();
    await expectReasons(paths, ['DetachedByOthers']);
  });

  test('the device of a block volume has another file than its image', async () => {
    const { node, expectReasons } = await monitoredNode();
    const paths = await node.createPublished('a', blockDevice(), image(16 * MIB));
    const file = imageFile(node, paths.volume_id);
    renameSync(file, `${file}.attached`);
    copyFileSync(`${file}.attached`, file);
    await expectReasons(paths, ['NotAttached']);
    renameSync(`${file}.attached`, file);
    await expectReasons(paths, []);
  });

  test('mounts do not respond, and stay complete', async () => {
    const { node, driver, expectReasons } = await monitoredNode();
    const hung = [await node.createPublished('a'), await node.createPublished('b')];
    const healthy = await publishImage(node, 'c', 'ext4', 64);
    for (const { target_path } of hung) (await fuseMount(target_path)).hang();
    for (const each of hung) await expectReasons(each, ['CapacityNotEnforced', 'DiskError']);
    await expectReasons(healthy, []);
    expect((await scrape(driver)).value('csi_hostpath_scrape_incomplete', { pool: 'default' })).toBe(0);
  });
});

/** How often this process, in which the driver runs, has listed mounts and block devices since the last call. */
function countLists(): () => { mounts: number; devices: number } {
  const readFile = vi.spyOn(fs, 'readFileSync');
  const readDirectory = vi.spyOn(fs, 'readdirSync');
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  const countOf = ({ mock }: { mock: { calls: unknown[][] } }, wanted: string) =>
    mock.calls.filter(([path]) => path === wanted).length;
  return () => {
    const counts = {
      mounts: countOf(readFile, '/proc/self/mountinfo'),
      devices: countOf(readDirectory, '/sys/block'),
    };
    for (const each of [readFile, readDirectory]) each.mockClear();
    return counts;
  };
}

test.skipIf(!isHostRoot)('mounts and devices are listed as often for many volumes as for one', async () => {
  const newLists = countLists();
  const listsFor = async (count: number) => {
    const { node, driver } = await monitoredNode();
    for (let index = 0; index < count; index++) {
      await node.createPublished(`directory-${index}`);
      await publishImage(node, `image-${index}`, 'ext4', 16);
      await node.createPublished(`block-${index}`, blockDevice(), image(16 * MIB));
    }
    newLists();
    const metrics = await scrape(driver);
    const lists = newLists();
    expect(metrics.value('csi_hostpath_scrape_incomplete', { pool: 'default' })).toBe(0);
    expect(metrics.series('csi_hostpath_health', { reason: 'CapacityNotEnforced' })).toHaveLength(count);
    return lists;
  };
  const lists = await listsFor(1);
  expect(lists.mounts).toBeGreaterThan(0);
  expect(lists.devices).toBe(1);
  expect(await listsFor(5)).toEqual(lists);
});
