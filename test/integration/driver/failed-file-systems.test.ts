import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { attachForeign, fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem, image, imageFile } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { loopsBelow, mountsBelow } from '../../support/scratch.ts';
import { shutDown } from '../../support/shut-down.ts';
import { startedNode, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const anyCapability = mountCapability();
/** After this time a call is unanswered, as far as its caller can tell. */
const options = () => ({ deadline: Date.now() + 15_000 });

/** The open files and devices of a process, without sockets and its own machinery. */
function openFiles(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith('/')).sort();
}

/** Waits until no image of the pool is attached: a scan of all devices may hold one for a moment longer. */
async function expectDetached({ pool }: TestNode): Promise<void> {
  await eventually(() => expect(loopsBelow(pool)).toEqual([]));
}

/** A volume's full lifecycle, with one delete that comes too early. */
async function liveImage(node: TestNode, name: string): Promise<void> {
  const volume_capability = fileSystem('ext4');
  const paths = await node.createPublished(name, volume_capability, image(32 * MIB));
  writeFileSync(join(paths.target_path, 'file'), 'content');
  await expectRefusal(node.controller.DeleteVolume(paths, options()), 'FAILED_PRECONDITION');
  await node.node.NodeUnpublishVolume(paths, options());
  await node.node.NodeUnstageVolume(paths, options());
  await expectDetached(node);
  await node.controller.DeleteVolume(paths, options());
}

describe.skipIf(!isHostRoot)("while the file of another program's loop device", () => {
  test('does not answer, and while it is dead, images work as usual and nothing stays open', async () => {
    const node = testNode();
    const { pid } = await node.start({ ownProcess: true });
    const fuse = await fuseMount(join(node.directory, 'fuse'));
    attachForeign(fuse);
    const before = openFiles(pid);
    fuse.hang();
    const [, , probe] = await Promise.all([
      liveImage(node, 'a'),
      liveImage(node, 'b'),
      node.identity.Probe({}, options()),
    ]);
    expect(probe).toMatchObject({ ready: { value: true } });
    await fuse.die();
    await liveImage(node, 'c');
    await eventually(() => expect(openFiles(pid)).toEqual(before));
  });

  test('does not answer, an image can be attached even if a backup reads it at the same time', async () => {
    const node = await startedNode();
    const fuse = await fuseMount(join(node.directory, 'fuse'));
    attachForeign(fuse);
    const volume_id = await node.create('a', {
      volume_capabilities: [fileSystem('ext4')],
      ...image(32 * MIB),
    });
    const backup = openSync(imageFile(node, volume_id), 'r');
    onTestFinished(() => closeSync(backup));
    fuse.hang();
    const staging_target_path = node.newStaging();
    const call = { volume_id, staging_target_path, volume_capability: fileSystem('ext4') };
    const [, probe] = await Promise.all([
      node.node.NodeStageVolume(call, options()),
      node.identity.Probe({}, options()),
    ]);
    expect(probe).toMatchObject({ ready: { value: true } });
    await node.node.NodeUnstageVolume(call, options());
  });
});

describe.skipIf(!isHostRoot).each(['does not respond', 'fails with ENOTCONN'] as const)(
  'a mount that %s',
  (why) => {
    test('is named by the calls that would use it, unmounted where it covers a volume, and stops no other call', async () => {
      const node = await startedNode();
      const paths = await node.createPublished('a');
      writeFileSync(join(paths.target_path, 'file'), 'content');
      const other = { ...paths, target_path: node.newPath(), volume_capability: anyCapability };
      const staging = {
        volume_id: await node.create('c'),
        staging_target_path: node.newStaging(),
        volume_capability: anyCapability,
      };
      mkdirSync(other.target_path);
      const broken = [paths.target_path, other.target_path, staging.staging_target_path];
      for (const path of broken) {
        const fuse = await fuseMount(path);
        if (why === 'does not respond') fuse.hang();
        else await fuse.die();
      }
      const named = (path: string) => `"${path}" ${why}`;
      const refused = (call: Promise<unknown>, path: string) =>
        expectRefusal(call, 'FAILED_PRECONDITION', named(path));
      const refusedAsForeign = (call: Promise<unknown>) =>
        expectRefusal(call, 'FAILED_PRECONDITION', 'does not belong to this driver');
      const { volume_id, staging_target_path, target_path } = paths;
      const stats = { volume_id, volume_path: target_path };
      const health = {
        volume_id,
        staging_target_path,
        volume_publish_path: target_path,
      };
      const [found, probe] = await Promise.all([
        node.node.NodeGetVolumeHealth(health, options()),
        node.identity.Probe({}, options()),
        refused(node.node.NodeGetVolumeStats(stats, options()), target_path),
        refused(node.node.NodePublishVolume(other, options()), other.target_path),
        refused(node.node.NodeStageVolume(staging, options()), staging.staging_target_path),
        node.createPublished('b'),
      ]);
      expect(probe).toMatchObject({ ready: { value: true } });
      expect(found.volume_health?.health_statuses).toContainEqual(
        expect.objectContaining({
          status: 'INACCESSIBLE',
          reason: 'DiskError',
          message: expect.stringContaining(named(target_path)),
        }),
      );
      await Promise.all([
        node.node.NodeUnpublishVolume(paths, options()),
        refusedAsForeign(node.node.NodeUnpublishVolume(other, options())),
        refusedAsForeign(node.node.NodeUnstageVolume(staging, options())),
      ]);
      for (const path of [other.target_path, staging.staging_target_path]) {
        execFileSync('umount', ['--lazy', path]);
      }
      await node.node.NodeUnstageVolume(paths, options());
      for (const path of [...broken, staging_target_path]) expect(await mountsBelow(path)).toEqual([]);
      expect(existsSync(target_path)).toBe(false);
      await node.controller.DeleteVolume({ volume_id }, options());
    });
  },
);

describe.skipIf(!isHostRoot)('a volume whose file system has shut itself down', () => {
  const capability = fileSystem('xfs');

  test('is reported as such, and can be unmounted and deleted, also after a restart', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('a', capability, image(300 * MIB));
    const { volume_id, staging_target_path, target_path } = paths;
    shutDown(staging_target_path);
    const stats = node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path }, options());
    await expectRefusal(stats, 'FAILED_PRECONDITION', `"${target_path}" fails with EIO`);
    const again = { ...paths, target_path: node.newPath(), volume_capability: capability };
    await expectRefusal(
      node.node.NodePublishVolume(again, options()),
      'FAILED_PRECONDITION',
      `"${staging_target_path}" fails with EIO`,
    );
    await node.restart();
    const { volume_health } = await node.node.NodeGetVolumeHealth({ volume_id }, options());
    expect(volume_health?.health_statuses.map(({ reason }) => reason)).toContain('DiskError');
    const wrong = node.node.NodeUnpublishVolume(
      { volume_id: await node.create('b'), target_path },
      options(),
    );
    await expectRefusal(wrong, 'FAILED_PRECONDITION', `is the mount point of volume "${volume_id}"`);
    await expectRefusal(node.controller.DeleteVolume(paths, options()), 'FAILED_PRECONDITION');
    await node.node.NodeUnpublishVolume(paths, options());
    await node.node.NodeUnstageVolume(paths, options());
    await expectDetached(node);
    await node.controller.DeleteVolume(paths, options());
  });
});
