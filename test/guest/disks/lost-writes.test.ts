import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { copyFile } from '../../../src/kernel/workers/file-tasks.ts';
import { unhindered } from '../../support/copy-controls.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { diskFormats } from '../support/disk-format.ts';
import { FailingDisk } from './failing-disk.ts';

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
    writeFileSync(source, Buffer.alloc(8 * 1024 ** 2, 'old'), { flush: true });
    writeFileSync(source, Buffer.alloc(8 * 1024 ** 2, 'new'), { flag: 'r+' });
    disk.fail('writes');
    // The kernel would write it at any time; nobody who has the file open is told.
    spawnSync('sync', ['--file-system', path]);
    disk.heal();
    await expect(copyFile(source, join(directory, 'copy'), unhindered)).rejects.toThrow(/EIO|EROFS/);
  },
);
