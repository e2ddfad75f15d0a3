import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY = Buffer.alloc(64, 'key');

/**
 * Makes a directory with a file that is encrypted and whose key the kernel no longer has, as its user can: it can be listed,
 * under other names, and removed, but not opened. The file system has the feature `encrypt`.
 */
export function makeLockedFile(mountPoint: string, directory: string): void {
  const xfsIo = (path: string, command: string, input = Buffer.alloc(0)) =>
    execFileSync('xfs_io', ['-c', command, path], { input, encoding: 'utf8' });
  const [id = ''] = /[0-9a-f]{32}/.exec(xfsIo(mountPoint, 'add_enckey', KEY)) ?? [];
  mkdirSync(directory);
  xfsIo(directory, `set_encpolicy ${id}`);
  writeFileSync(join(directory, 'file'), 'secret');
  xfsIo(mountPoint, `rm_enckey ${id}`);
}
