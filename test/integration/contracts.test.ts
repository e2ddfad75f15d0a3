import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';
import { Subvolume } from '../../src/backends/btrfs/subvolume.ts';
import { PlainDirectory } from '../../src/backends/directory/plain-directory.ts';
import { blockDeviceBytes } from '../../src/kernel/calls/block-device.ts';
import { refreshLoopSize } from '../../src/kernel/devices/loop.ts';
import { growSparse, makeSparse } from '../../src/kernel/files/sparse-file.ts';
import { runProgram } from '../../src/kernel/process/program.ts';
import { removeTree } from '../../src/kernel/workers/tree-tasks.ts';
import { passStep } from '../../src/model/steps.ts';
import { EncryptedDevices } from '../../src/mounts/encrypted-devices.ts';
import { kernelPorts } from '../../src/mounts/kernel-ports.ts';
import { LoopDevices } from '../../src/mounts/loop-devices.ts';
import { openStatePool } from '../../src/pools/directory/open-pool.ts';
import { DiskRecords } from '../../src/records/disk-records.ts';
import { FileChanges } from '../../src/records/file-changes.ts';
import { retainedRecords, volumeRecords } from '../../src/records/record-kinds.ts';
import { RemovalQueue } from '../../src/records/removal-queue.ts';
import { backendContract } from '../contracts/backend-contract.ts';
import { devicesContract } from '../contracts/devices-contract.ts';
import { hostBackendSubject } from '../contracts/host-backend-subject.ts';
import { mountsContract } from '../contracts/mounts-contract.ts';
import { recordsContract } from '../contracts/records-contract.ts';
import { btrfs } from '../support/btrfs.ts';
import { failFileSystem } from '../support/fail-file-system.ts';
import { fuseMount } from '../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../support/host-root.ts';
import { attached, imageDirectory, MIB, makeFileSystem, newImage, opened } from '../support/loop.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitingProcess } from '../support/waiting-process.ts';

const makeDirectory = async (path: string) => void (await mkdir(path));
const makeFile = (path: string, content: string) => writeFile(path, content);
const makeSymlink = (path: string, to: string) => symlink(to, path);
const exists = async (path: string) => existsSync(path);

const directoryContent = { backend: 'directory' } as const;
const owner = isHostRoot ? { uid: 1000, gid: 2000 } : { uid: 0, gid: 0 };

mountsContract(
  'KernelMounts',
  async () => ({
    ...kernelPorts(),
    directory: scratchDirectory(),
    makeDirectory,
    makeFile,
    makeSymlink,
    modeOf: async (path) => statSync(path).mode & 0o7777,
    async occupy(path) {
      const worker = await waitingProcess('cat', [], { cwd: path });
      return { release: () => worker.end() };
    },
    failFileSystem,
    async mountDead(path) {
      await (await fuseMount(path)).die();
    },
    async makeDevice(holds) {
      const { path, fd } = await newImage(320n * MIB);
      if (holds !== 'blank') await makeFileSystem(path, holds);
      const device = await attached(fd);
      return {
        device,
        async grow(bytes) {
          await growSparse(path, bytes);
          await refreshLoopSize(device, fd);
        },
      };
    },
  }),
  { accessTimesAreLocked: !isHostRoot, hasDevices: isHostRoot, hasFuse: isHostRoot },
);

describe.skipIf(!isHostRoot)('with devices', () => {
  devicesContract('EncryptedDevices', async () => {
    const directory = imageDirectory();
    let lastImage = 0;
    return {
      devices: new EncryptedDevices(new LoopDevices()),
      async makeImage(bytes) {
        const path = join(directory, `image-${++lastImage}`);
        await makeSparse(path, bytes);
        return path;
      },
      growImage: growSparse,
      removeImage: (path) => rm(path),
      sizeOf: ({ path }) => blockDeviceBytes(path),
      attachBefore: async (path) => attached(opened(path)),
      detachExternally: async ({ path }) => void (await runProgram('losetup', ['--detach', path])),
      async open({ path }) {
        const user = await waitingProcess('sh', ['-c', 'exec 3< "$0"; echo ready; exec cat', path], {
          saysReady: true,
        });
        return { release: () => user.end() };
      },
    };
  });

  for (const quota of ['qgroup', 'squota', 'off'] as const) {
    const content = { backend: 'subvolume', isLimited: quota !== 'off' } as const;
    backendContract(`Subvolume on btrfs with quotas ${quota}`, async () =>
      hostBackendSubject(new Subvolume(), btrfs(quota), () => content, owner),
    );
  }
});

recordsContract('DiskRecords in a pool of the driver', async () => {
  const { layout, lock } = await openStatePool('default', join(scratchDirectory(), 'pool'), 0);
  onTestFinished(() => lock.release());
  const destroyed: string[] = [];
  const destroy = async (directory: string) => {
    destroyed.push(directory);
    await removeTree(directory);
  };
  const removals = new RemovalQueue({
    remove: destroy,
    onFailure(_, error) {
      throw error;
    },
    onRecovery: () => {},
  });
  const parts = { layout, poolName: 'default', removals, destroy, changes: new FileChanges(passStep) };
  const records = new DiskRecords({ ...parts, kind: volumeRecords });
  return {
    records,
    root: { ...owner, mode: 0o750 },
    retained: new DiskRecords({ ...parts, kind: retainedRecords }),
    outside: scratchDirectory(),
    makeDirectory,
    exists,
    damage: (id) => writeFile(join(records.directoryOf(id), 'volume.json'), ''),
    idle: () => removals.idle(),
    destroyed,
    leftovers: async () =>
      [layout.incoming, layout.outgoing, layout.adopting]
        .filter((path) => existsSync(path))
        .flatMap((path) => readdirSync(path)),
  };
});

backendContract('PlainDirectory, by root for another owner,', async () =>
  hostBackendSubject(new PlainDirectory(), scratchDirectory(), () => directoryContent, owner),
);
