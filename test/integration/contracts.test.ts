import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { PlainDirectory } from '../../src/backends/directory/plain-directory.ts';
import { KernelMounts } from '../../src/mounts/kernel-mounts.ts';
import { DiskRecords } from '../../src/records/disk-records.ts';
import { openStatePool } from '../../src/records/open-pool.ts';
import { RemovalQueue } from '../../src/records/removal-queue.ts';
import { passStep } from '../../src/volume/steps.ts';
import { backendContract } from '../contracts/backend-contract.ts';
import { mountsContract } from '../contracts/mounts-contract.ts';
import { recordsContract } from '../contracts/records-contract.ts';
import { isHostRoot } from '../support/host-root.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitingProcess } from '../support/waiting-process.ts';

const makeDirectory = async (path: string) => void (await mkdir(path));
const makeFile = (path: string, content: string) => writeFile(path, content);
const makeSymlink = (path: string, to: string) => symlink(to, path);
const exists = async (path: string) => existsSync(path);

mountsContract(
  'KernelMounts',
  async () => ({
    mounts: new KernelMounts(),
    directory: scratchDirectory(),
    makeDirectory,
    makeFile,
    makeSymlink,
    modeOf: async (path) => statSync(path).mode & 0o7777,
    async occupy(path) {
      const worker = await waitingProcess('cat', [], { cwd: path });
      return { release: () => worker.end() };
    },
  }),
  { accessTimesAreLocked: !isHostRoot },
);

recordsContract('DiskRecords in a pool of the driver', async () => {
  const { layout, lock } = await openStatePool('default', join(scratchDirectory(), 'pool'), 0);
  onTestFinished(() => lock.release());
  const backend = new PlainDirectory();
  const destroyed: string[] = [];
  const destroy = async (directory: string) => {
    destroyed.push(directory);
    await backend.destroy(directory);
  };
  const removals = new RemovalQueue(destroy, (_, error) => {
    throw error;
  });
  const records = new DiskRecords({ layout, poolName: 'default', removals, onStep: passStep });
  return {
    records,
    makeDirectory,
    exists,
    damage: (id) => writeFile(join(records.directoryOf(id), 'volume.json'), ''),
    idle: () => removals.idle(),
    destroyed,
    leftovers: async () => [layout.incoming, layout.outgoing].flatMap((path) => readdirSync(path)),
  };
});

backendContract('PlainDirectory, by root for another owner,', async () => ({
  backend: new PlainDirectory(),
  directory: scratchDirectory(),
  owner: isHostRoot ? { uid: 1000, gid: 2000 } : { uid: 0, gid: 0 },
  makeDirectory,
  makeFile,
  makeSymlink,
  exists,
  async statusOf(path) {
    const { uid, gid, mode } = statSync(path);
    return { uid, gid, mode: mode & 0o7777 };
  },
}));
