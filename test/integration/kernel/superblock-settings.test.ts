import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAt, withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { BTRFS_SUPERBLOCK } from '../../../src/kernel/file-systems/btrfs-superblock.ts';
import { crc32c } from '../../../src/kernel/file-systems/crc32c.ts';
import { mountRefusalReason } from '../../../src/kernel/file-systems/superblock-settings.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { mountedAs } from '../../support/image-node.ts';
import { attached, MIB, makeFileSystem, mounted, newImage } from '../../support/loop.ts';

const fileSystems = ['ext4', 'xfs', 'btrfs'] as const;

async function imageWith(program: string, ...args: string[]) {
  const image = await newImage(320n * MIB);
  await runProgram(program, ['-q', ...args, image.path]);
  return image;
}

/** The options of a file system that is mounted with these. */
async function optionsOf(
  { directory, fd }: { directory: string; fd: number },
  fsType: (typeof fileSystems)[number],
  options: string[] = [],
): Promise<string[]> {
  const target = join(directory, `target ${options.join(' ')}`.trim().replaceAll(' ', '-'));
  mkdirSync(target);
  await mounted(await attached(fd), fsType, target, { options });
  const { options: shown } = mountedAs(target);
  await runProgram('umount', [target]);
  return shown;
}

describe.skipIf(!isHostRoot)('no superblock controls how its file system is mounted', () => {
  const harmful = ['nobarrier', 'nodelalloc', 'journal_data', 'bsdgroups', 'discard'];

  test('ext4 that asks for a panic is read-only after an error, and adds no other option', async () => {
    const image = await imageWith('mkfs.ext4');
    await runProgram('tune2fs', ['-e', 'panic', '-o', harmful.join(','), image.path]);
    const options = await optionsOf(image, 'ext4', ['nodiscard']);
    expect(options).toEqual(expect.arrayContaining(['errors=remount-ro', 'data=ordered']));
    for (const option of ['errors=panic', 'nobarrier', 'nodelalloc', 'data=journal', 'grpid', 'discard']) {
      expect(options).not.toContain(option);
    }
  });

  test.each([['errors=continue'], ['data=writeback'], ['data=journal'], ['nobarrier'], ['nodelalloc']])(
    'ext4 has the requested options: %s',
    async (option) => {
      const image = await imageWith('mkfs.ext4');
      await runProgram('tune2fs', ['-e', 'panic', image.path]);
      const options = await optionsOf(image, 'ext4', [option]);
      expect(options).toContain(option);
      expect(options).not.toContain('errors=panic');
    },
  );

  test('ext4 without a journal is mounted', async () => {
    const image = await imageWith('mkfs.ext4', '-O', '^has_journal', '-e', 'panic');
    expect(await mountRefusalReason(image.path)).toBeUndefined();
    expect(await optionsOf(image, 'ext4')).toContain('errors=remount-ro');
  });

  test('xfs has no quotas', async () => {
    const image = await imageWith('mkfs.xfs');
    expect(await optionsOf(image, 'xfs')).toContain('noquota');
  });

  test('btrfs is mounted at its top level, whatever its default subvolume', async () => {
    const image = await imageWith('mkfs.btrfs');
    const target = join(image.directory, 'first');
    mkdirSync(target);
    await mounted(await attached(image.fd), 'btrfs', target);
    await runProgram('btrfs', ['subvolume', 'create', join(target, 'inner')]);
    await runProgram('btrfs', ['subvolume', 'set-default', join(target, 'inner')]);
    await runProgram('umount', [target]);
    expect(await optionsOf(image, 'btrfs')).toEqual(expect.arrayContaining(['subvolid=5', 'subvol=/']));
  });
});

/** Writes into a file. */
function patch(path: string, offset: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

/** Changes the first superblock of a btrfs, and its checksum. */
async function patchBtrfs(path: string, offset: number, value: bigint): Promise<void> {
  const [start] = BTRFS_SUPERBLOCK.offsets;
  const block = await withDescriptor(path, 'r', (fd) => readAt(fd, start, BTRFS_SUPERBLOCK.bytes));
  block.writeBigUInt64LE(value, offset);
  block.writeUInt32LE(crc32c(block.subarray(32)), 0);
  patch(path, start, block);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

describe('a superblock is refused', () => {
  test.each(fileSystems)('that differs from mkfs: %s', async (fsType) => {
    const { path } = await newImage(320n * MIB);
    expect(await mountRefusalReason(path)).toBeUndefined();
    await makeFileSystem(path, fsType);
    expect(await mountRefusalReason(path)).toBeUndefined();
  });

  test.each([
    ['sets the mount options "errors=panic"', ['-E', 'mount_opts=errors=panic']],
    ['default mount option debug', ['-o', 'debug']],
    ['default mount option uid16', ['-o', 'uid16']],
    ['multiple mount protection', ['-O', 'mmp']],
  ])('that asks ext4 for %s', async (what, args) => {
    const { path } = await imageWith('mkfs.ext4');
    await runProgram('tune2fs', [...args, path]);
    expect(await mountRefusalReason(path)).toContain(what);
  });

  test('of an ext4 with an external journal, and of that journal', async () => {
    const journal = await imageWith('mkfs.ext4', '-O', 'journal_dev');
    expect(await mountRefusalReason(journal.path)).toContain('journal of another file system');
    const { path } = await imageWith('mkfs.ext4');
    patch(path, 1024 + 224, Buffer.alloc(4));
    expect(await mountRefusalReason(path)).toContain('journal is on another device');
    await runProgram('mkfs.ext4', ['-q', '-F', path]);
    patch(path, 1024 + 228, Buffer.from([7, 0, 0, 0]));
    expect(await mountRefusalReason(path)).toContain('journal is on another device');
  });

  test.each([
    ['an external log', 48, 0n, 'log is on another device'],
    ['a realtime section', 16, 1n, 'realtime section'],
  ])('of an xfs with %s', async (_, offset, value, what) => {
    const { path } = await imageWith('mkfs.xfs');
    patch(path, offset, bigEndian(value));
    expect(await mountRefusalReason(path)).toContain(what);
  });

  test.each([
    ['several devices', 136, 2n, 'several devices'],
    ['a seed flag', 56, (1n << 32n) | 1n, 'seed'],
    ['an unfinished change of its id', 56, (1n << 36n) | 1n, 'unfinished change'],
  ])('of a btrfs with %s', async (_, offset, value, what) => {
    const { path } = await imageWith('mkfs.btrfs');
    await patchBtrfs(path, offset, value);
    expect(await mountRefusalReason(path)).toContain(what);
  });
});
