import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isHostRoot } from '../../support/host-root.ts';
import {
  deleteWithRetries,
  df,
  expectNoLoops,
  fileSystem,
  image,
  imageFile,
  loopsOf,
  mountedAs,
} from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import { type WaitingProcess, waitingProcess } from '../../support/waiting-process.ts';

const MIB = 1024 ** 2;

const smallest = { ext4: 16 * MIB, xfs: 300 * MIB, btrfs: 128 * MIB } as const;
const fsTypes = ['ext4', 'xfs', 'btrfs'] as const;

interface Pinned {
  readonly node: TestNode;
  readonly paths: Published;
  readonly loop: string;
  readonly pin: WaitingProcess;
}

/** A process in a mount namespace of its own, which keeps every current mount. */
async function pinMounts({ directory }: TestNode): Promise<{ pin: WaitingProcess; pid: string }> {
  const pidFile = join(directory, 'pid');
  const script = 'echo $$ > "$1"; echo ready; exec cat';
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', pidFile];
  const pin = await waitingProcess('unshare', words, { saysReady: true });
  return { pin, pid: readFileSync(pidFile, 'utf8').trim() };
}

/**
 * A volume that was unpublished and unstaged, but is held by a process in a mount namespace of its own, where
 * the unmounts are not seen.
 */
async function pinnedVolume(fsType: keyof typeof smallest): Promise<Pinned> {
  const node = await startedNode({ ownProcess: true });
  const paths = await node.createPublished('pinned', fileSystem(fsType), image(smallest[fsType]));
  writeFileSync(join(paths.target_path, 'file'), 'hello');
  const [loop = ''] = loopsOf(node);
  const { pin } = await pinMounts(node);
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  expect(await mountsBelow(node.directory)).toEqual([]);
  expect(loopsOf(node)).toEqual([loop]);
  return { node, paths, loop, pin };
}

describe.skipIf(!isHostRoot)('an image that is held in another mount namespace', () => {
  test.each(fsTypes)('and has %s, is staged again through its existing device', async (fsType) => {
    const { node, paths, loop, pin } = await pinnedVolume(fsType);
    const volume_capability = fileSystem(fsType);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await node.node.NodeStageVolume({ ...paths, volume_capability });
      await node.node.NodePublishVolume({ ...paths, volume_capability });
      expect(loopsOf(node)).toEqual([loop]);
      expect(mountedAs(paths.target_path).fsType).toBe(fsType);
      expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('hello');
      await node.stop(signal);
      await node.start({ ownProcess: true });
      await node.node.NodeStageVolume({ ...paths, volume_capability });
      expect(loopsOf(node)).toEqual([loop]);
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
      expect(loopsOf(node)).toEqual([loop]);
    }
    await pin.end();
    await expectNoLoops(node);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
    await node.node.NodeUnstageVolume(paths);
    await deleteWithRetries(node, paths);
  });

  test('is not deleted until that process ends, whatever happens to the driver', async () => {
    const { node, paths, loop, pin } = await pinnedVolume('ext4');
    const { volume_id } = paths;
    await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', loop);
    await node.stop('SIGKILL');
    await node.start();
    await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', loop);
    // A failed delete changes nothing for the process that holds it.
    expect(loopsOf(node)).toEqual([loop]);
    expect(existsSync(imageFile(node, volume_id))).toBe(true);
    await pin.end();
    await deleteWithRetries(node, paths);
    expect(loopsOf(node)).toEqual([]);
    expect(existsSync(join(node.pool, 'volumes', volume_id))).toBe(false);
  });

  test('shows writes in both namespaces', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('shared', fileSystem('xfs'), image(smallest.xfs));
    const file = join(paths.staging_target_path, 'file');
    const { pid } = await pinMounts(node);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('xfs') });
    const inside = (script: string) =>
      spawnSync('nsenter', ['--mount', `--target=${pid}`, 'sh', '-c', script, 'sh', file], {
        encoding: 'utf8',
      });
    expect(inside('echo there > "$1"')).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(file, 'utf8')).toBe('there\n');
    writeFileSync(file, 'here');
    expect(inside('cat "$1"').stdout).toBe('here');
  });

  test('grows with the volume, through its existing device', async () => {
    const { node, paths, loop } = await pinnedVolume('xfs');
    const { volume_id } = paths;
    const capacity_range = { required_bytes: 600 * MIB };
    await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    await node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('xfs') });
    expect(loopsOf(node)).toEqual([loop]);
    expect(Number(df(paths.staging_target_path).total)).toBeGreaterThan(500 * MIB);
  });
});
