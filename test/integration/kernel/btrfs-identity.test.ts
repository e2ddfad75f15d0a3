import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAt, withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { fileSystemUuid } from '../../../src/kernel/file-systems/btrfs.ts';
import { renewFileSystemId } from '../../../src/kernel/file-systems/btrfs-identity.ts';
import { makeSparse } from '../../../src/kernel/files/sparse-file.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import {
  cloneImage,
  expectClean,
  formattedImage,
  mountImage,
  reflinkPool,
} from '../../support/copied-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { MIB } from '../../support/loop.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { syncingWriter } from '../../support/syncing-writer.ts';

const IMAGE_BYTES = 128n * MIB;
const PRIMARY = 2 ** 16;
const SECOND = 2 ** 26;

/** The lines of an image's superblocks with their ids and whether their checksums are valid. */
async function superblocksOf(path: string): Promise<Record<string, string>[]> {
  const { stdout } = await runProgram('btrfs', ['inspect-internal', 'dump-super', '--all', path]);
  return stdout
    .split(/^superblock:.*$/m)
    .slice(1)
    .map((text) => Object.fromEntries(text.split('\n').map((line) => line.split(/\s{2,}|\t+/, 2))));
}

async function idsOf(path: string): Promise<{ fsid: string; metadataUuid: string }> {
  const all = await superblocksOf(path);
  for (const each of all) expect(each['csum']).toMatch(/\[match\]$/);
  const ids = all.map((each) => ({ fsid: each['fsid'] ?? '', metadataUuid: each['metadata_uuid'] ?? '' }));
  expect(ids).toHaveLength(2);
  expect(ids[1]).toEqual(ids[0]);
  return ids[0] ?? { fsid: '', metadataUuid: '' };
}

async function digestOf(path: string): Promise<string> {
  return (await runProgram('sha256sum', [path])).stdout;
}

async function overwrite(path: string, offset: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

describe('renewFileSystemId', () => {
  test('every copy of the superblock has a new id, and the rest of the file system is intact', async () => {
    const path = await formattedImage(scratchDirectory(), 'btrfs', IMAGE_BYTES);
    const before = await idsOf(path);
    await renewFileSystemId(path);
    const after = await idsOf(path);
    expect(after.fsid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(after.fsid).not.toBe(before.fsid);
    expect(after.metadataUuid).toBe(before.fsid);
    await expectClean(path, 'btrfs');
  });

  test('can be repeated, as for a copy of a copy', async () => {
    const path = await formattedImage(scratchDirectory(), 'btrfs', IMAGE_BYTES);
    const { fsid } = await idsOf(path);
    await renewFileSystemId(path);
    const second = await idsOf(path);
    await renewFileSystemId(path);
    const third = await idsOf(path);
    expect(new Set([fsid, second.fsid, third.fsid]).size).toBe(3);
    expect(third.metadataUuid).toBe(fsid);
    await expectClean(path, 'btrfs');
  });

  test('a repeat repairs a crash between two copies of the superblock', async () => {
    const path = await formattedImage(scratchDirectory(), 'btrfs', IMAGE_BYTES);
    const original = await withDescriptor(path, 'r', (fd) => readAt(fd, PRIMARY, 4096));
    await renewFileSystemId(path);
    await overwrite(path, PRIMARY, original);
    await renewFileSystemId(path);
    await idsOf(path);
    await expectClean(path, 'btrfs');
  });

  test('a damaged superblock, another file system and a blank file are refused and left unchanged', async () => {
    const directory = scratchDirectory();
    const damaged = await formattedImage(directory, 'btrfs', IMAGE_BYTES);
    await overwrite(damaged, PRIMARY + 300, Buffer.from('damage'));
    const other = join(directory, 'other');
    await makeSparse(other, 64n * MIB);
    const blank = join(directory, 'blank');
    await makeSparse(blank, MIB);
    await runProgram('mkfs.ext4', ['-q', other]);
    for (const path of [damaged, other, blank]) {
      const before = await digestOf(path);
      await expect(renewFileSystemId(path)).rejects.toMatchObject({
        name: 'FileSystemIdError',
        message: expect.stringContaining('its superblock is damaged'),
      });
      expect(await digestOf(path)).toBe(before);
    }
  });

  test.each(['xxhash', 'sha256', 'blake2'])('checksums of the kind %s are refused', async (kind) => {
    const path = join(scratchDirectory(), 'image');
    await makeSparse(path, IMAGE_BYTES);
    await runProgram('mkfs.btrfs', ['-q', '--csum', kind, path]);
    const before = await digestOf(path);
    await expect(renewFileSystemId(path)).rejects.toThrow('type is not crc32c');
    expect(await digestOf(path)).toBe(before);
  });

  test('a damaged second superblock does no harm', async () => {
    const path = await formattedImage(scratchDirectory(), 'btrfs', IMAGE_BYTES);
    await overwrite(path, SECOND + 300, Buffer.from('damage'));
    const [before] = await superblocksOf(path);
    await renewFileSystemId(path);
    const [after] = await superblocksOf(path);
    expect(after?.['fsid']).not.toBe(before?.['fsid']);
  });
});

describe.skipIf(!isHostRoot)('images that are copies of each other', () => {
  test('original, copy, and copy of the copy are mounted and written at once, and stay separate in the kernel', async () => {
    const pool = reflinkPool();
    const path = await formattedImage(pool, 'btrfs');
    const original = await mountImage(path, 'btrfs');
    const writer = syncingWriter(original.target);
    await writer.rounds(5);
    const copy = await cloneImage(path, join(pool, 'copy'));
    // Synced data is in a log that is replayed by the first mount, under the new id.
    expect((await superblocksOf(copy))[0]?.['log_root']).not.toBe('0');
    await renewFileSystemId(copy);
    const second = await mountImage(copy, 'btrfs');
    const secondWriter = await writeInto(second.target);
    const copyOfCopy = await cloneImage(copy, join(pool, 'copy-of-copy'));
    await renewFileSystemId(copyOfCopy);
    const third = await mountImage(copyOfCopy, 'btrfs');
    await writeInto(third.target);
    await writer.rounds(5);
    const targets = [original.target, second.target, third.target];
    const uuids = await Promise.all(targets.map((target) => withDescriptor(target, 'r', fileSystemUuid)));
    expect(new Set(uuids).size).toBe(3);
    expect(readFileSync(join(third.target, 'own'), 'utf8')).toBe(third.target);
    expect(readFileSync(join(second.target, 'own'), 'utf8')).toBe(secondWriter);
    await writer.end();
    for (const target of targets) await unmount(target);
    for (const each of [path, copy, copyOfCopy]) await expectClean(each, 'btrfs');
  });

  test('a copy on a disk without reflinks stays separate as well', async () => {
    const directory = scratchDirectory();
    const path = await formattedImage(directory, 'btrfs');
    const copy = join(directory, 'copy');
    copyFileSync(path, copy);
    await renewFileSystemId(copy);
    const [one, other] = [await mountImage(path, 'btrfs'), await mountImage(copy, 'btrfs')];
    writeFileSync(join(one.target, 'file'), 'content');
    expect(() => readFileSync(join(other.target, 'file'))).toThrow('ENOENT');
  });
});

async function writeInto(target: string): Promise<string> {
  const file = await open(join(target, 'own'), 'w');
  await file.writeFile(target);
  await file.sync();
  await file.close();
  return target;
}
