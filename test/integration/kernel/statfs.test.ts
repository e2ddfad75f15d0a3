import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../../src/kernel/calls/statfs.ts';
import { mountAttr } from '../../../src/kernel/mounts/bind-mount.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const TMPFS_MAGIC = 0x01021994;
const ST_RDONLY = 1;

function tmpfs(options: string): string {
  const directory = scratchDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', directory]);
  return directory;
}

test('reports the size and usage of a file system', async () => {
  const directory = tmpfs('size=1m,nr_inodes=100');
  writeFileSync(join(directory, 'file'), Buffer.alloc(256 * 1024));
  expect(await withPath(directory, fileSystemOf)).toMatchObject({
    magic: TMPFS_MAGIC,
    totalBytes: 1024n ** 2n,
    freeBytes: 768n * 1024n,
    availableBytes: 768n * 1024n,
    totalInodes: 100n,
    freeInodes: 98n,
  });
});

test('agrees with node:fs', async () => {
  const directory = tmpfs('size=8m');
  const expected = statfsSync(directory, { bigint: true });
  expect(await withPath(directory, fileSystemOf)).toMatchObject({
    magic: Number(expected.type),
    totalBytes: expected.blocks * expected.bsize,
    availableBytes: expected.bavail * expected.bsize,
    totalInodes: expected.files,
    freeInodes: expected.ffree,
  });
});

test('reports the flags of the mount that contains the path', async () => {
  const directory = tmpfs('size=1m');
  mkdirSync(join(directory, 'source'));
  mkdirSync(join(directory, 'target'));
  await bind(join(directory, 'source'), join(directory, 'target'), mountAttr.readOnly);
  const flagsOf = async (path: string) => (await withPath(join(directory, path), fileSystemOf)).flags;
  expect((await flagsOf('source')) & ST_RDONLY).toBe(0);
  expect((await flagsOf('target')) & ST_RDONLY).toBe(ST_RDONLY);
});
