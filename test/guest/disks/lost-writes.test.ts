import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { callSync, libraryCall } from '../../../src/kernel/calls/libc.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { copyFile } from '../../../src/kernel/workers/file-tasks.ts';
import { unhindered } from '../../support/copy-controls.ts';
import { eventually } from '../../support/eventually.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { diskFormats } from '../support/disk-format.ts';
import { FailingDisk, nodeOnFailingDisk } from './failing-disk.ts';

const BYTES = 8 * 1024 ** 2;
const syncFileRange = libraryCall('sync_file_range', ['int', 'int64', 'int64', 'uint']);
const WRITE = 2;

test.each(diskFormats)(
  'a file on $fsType that has lost writes is not copied as if it were whole',
  async (format) => {
    const disk = await FailingDisk.make(format);
    const path = scratchDirectory();
    await disk.mountAt(path);
    onTestFinished(() => unmount(path));
    const directory = join(path, 'files');
    mkdirSync(directory);
    const source = join(directory, 'source');
    writeFileSync(source, Buffer.alloc(BYTES, 'old'), { flush: true });
    writeFileSync(source, Buffer.alloc(BYTES, 'new'), { flag: 'r+' });
    disk.fail('writes');
    await writeBack(source);
    disk.heal();
    await expect(copyFile(source, join(directory, 'copy'), unhindered)).rejects.toThrow('EIO');
  },
);

test.each(diskFormats.filter(({ fsType }) => fsType === 'btrfs'))(
  'a pool on $fsType whose disk has lost writes is reported, also after a restart, until its counters are reset',
  async (format) => {
    const { disk, node } = await nodeOnFailingDisk(format);
    const file = join(node.pool, 'file');
    writeFileSync(file, Buffer.alloc(BYTES, 'old'), { flush: true });
    const reported = async () => {
      const { backend_health } = await node.node.NodeGetStorageHealth({});
      return backend_health
        .filter(({ reason }) => reason === 'FileSystemErrors')
        .map(({ message }) => message);
    };
    expect(await reported()).toEqual([]);
    writeFileSync(file, Buffer.alloc(BYTES, 'new'), { flag: 'r+' });
    disk.fail('writes');
    await writeBack(file);
    disk.heal();
    const message = /^btrfs of pool "default" has counted errors of its disk \(write_errs \d+\)/;
    expect(await reported()).toEqual([expect.stringMatching(message)]);
    await node.restart();
    expect(await reported()).toEqual([expect.stringMatching(message)]);
    disk.resetCounters(node.pool);
    expect(await reported()).toEqual([]);
  },
);

/** Has the kernel write the data of a file, as it does at any time, without telling anyone whether that worked. */
async function writeBack(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  callSync(syncFileRange, path, fd, 0, 0, WRITE);
  closeSync(fd);
  await eventually(() => expect(readFileSync('/proc/meminfo', 'utf8')).toMatch(/^Writeback: +0 kB$/m));
}
