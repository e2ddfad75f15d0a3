import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { mountedAs } from '../../support/image-node.ts';
import { attached, MIB, mounted, newImage } from '../../support/loop.ts';

test.each([
  ['ext4', 'errors=remount-ro', (path: string) => runProgram('tune2fs', ['-e', 'panic', path])],
  ['xfs', 'noquota', async () => {}],
  ['btrfs', 'subvolid=5', async () => {}],
] as const)('an older kernel also mounts %s as the driver predicts: %s', async (fsType, option, prepare) => {
  const { path, fd, directory } = await newImage(320n * MIB);
  await runProgram(`mkfs.${fsType}`, ['-q', path]);
  await prepare(path);
  const target = join(directory, 'target');
  mkdirSync(target);
  await mounted(await attached(fd), fsType, target);
  expect(mountedAs(target).options).toContain(option);
  execFileSync('umount', [target]);
});
