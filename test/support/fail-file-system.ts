import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readMountinfo } from '../../src/kernel/mounts/mountinfo.ts';

/** Makes the ext4 mounted at a path hit an error, after which it takes no writes. */
export async function failFileSystem(path: string): Promise<void> {
  const source = readMountinfo().findLast((mount) => mount.path === path)?.source ?? '';
  execFileSync('mount', ['-o', 'remount,errors=remount-ro', path]);
  writeFileSync(`/sys/fs/ext4/${basename(source)}/trigger_fs_error`, 'an error made by a test');
}
