import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { describe, test } from 'vitest';
import { takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem } from '../../support/image-node.ts';
import { PodDevice } from '../../support/pod-device.ts';
import { shutDown } from '../../support/shut-down.ts';
import { ofClaim, publishedImage } from '../support/published-image.ts';

const MIB = 1024 ** 2;

describe.skipIf(!isHostRoot)('an alert about the mounts of a volume', () => {
  test.each([
    { name: 'UnexpectedlyReadOnly', fsType: 'ext4', bytes: 64 * MIB },
    { name: 'DiskError', fsType: 'xfs', bytes: 320 * MIB },
  ] as const)('fires as $name while its $fsType has shut itself down', async ({ name, fsType, bytes }) => {
    const volume_capability = fileSystem(fsType);
    const { node, alerts, paths } = await publishedImage(bytes, volume_capability);
    await alerts.expectAlert(name, ofClaim(paths), {
      fault: () => shutDown(paths.target_path),
      async remedy() {
        await takeDown(node, paths);
        await node.node.NodeStageVolume({ ...paths, volume_capability });
        await node.node.NodePublishVolume({ ...paths, volume_capability });
      },
    });
  });

  test('fires while a target is not mounted', async () => {
    const { node, alerts, paths } = await publishedImage();
    await alerts.expectAlert('NotMounted', ofClaim(paths), {
      fault: () => execFileSync('umount', [paths.target_path]),
      remedy: () => node.node.NodePublishVolume({ ...paths, volume_capability: fileSystem('ext4') }),
    });
  });

  test('fires while something else is mounted over it', async () => {
    const { alerts, paths } = await publishedImage();
    await alerts.expectAlert('WrongMount', ofClaim(paths), {
      fault: () => execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', paths.target_path]),
      remedy: () => execFileSync('umount', [paths.target_path]),
    });
  });

  test('fires while its device has another file than its image', async () => {
    const { alerts, paths, file } = await publishedImage(16 * MIB, blockDevice());
    const attached = `${file}.attached`;
    await alerts.expectAlert('NotAttached', ofClaim(paths), {
      fault() {
        renameSync(file, attached);
        copyFileSync(attached, file);
      },
      remedy: () => renameSync(attached, file),
    });
  });

  test('fires while a pod has detached its device', async () => {
    const volume_capability = blockDevice();
    const { node, alerts, paths } = await publishedImage(16 * MIB, volume_capability);
    const pod = new PodDevice(node.directory, 'pod', paths.target_path);
    await alerts.expectAlert('DetachedByOthers', ofClaim(paths), {
      fault: () => pod.detach(),
      remedy: () => node.node.NodeStageVolume({ ...paths, volume_capability }),
    });
  });
});
