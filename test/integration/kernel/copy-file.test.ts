import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno, errnoOf } from '../../../src/kernel/calls/errno.ts';
import { call, libraryCall } from '../../../src/kernel/calls/libc.ts';
import { StopFlag, StoppedError } from '../../../src/kernel/calls/stop-flag.ts';
import { copyContent, copyFile as copyFileHere } from '../../../src/kernel/files/copy-file.ts';
import { copyFile } from '../../../src/kernel/workers/file-tasks.ts';
import { btrfs } from '../../support/btrfs.ts';
import { runningOnBytes, unhindered } from '../../support/copy-controls.ts';
import { copyPlaces, sourceAndTarget } from '../../support/copy-places.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { opened } from '../../support/loop.ts';
import { makeSparseFile } from '../../support/sample-tree.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { listTree } from '../../support/tree-listing.ts';

const MIB = 1024 ** 2;

/** The visible properties of a file beside its times and mode. */
async function contentOf(path: string) {
  const { sizeBytes, contentHash, data } = (await listTree(path))['.'] ?? {};
  return { sizeBytes, contentHash, data };
}

const places = [...copyPlaces, { name: 'the disk of the tests', outcome: undefined, make: sourceAndTarget }];

describe.each(places)('on $name', ({ outcome, make }) => {
  test('files of all sizes and with holes anywhere are copied with their holes', async () => {
    const { source, target } = make();
    const files: [name: string, offsets: number[], sizeBytes: number][] = [
      ['empty', [], 0],
      ['byte', [0], 1],
      ['block', [0], 4096],
      ['more than a block', [0], 4097],
      ['only a hole', [], 10 * MIB],
      ['a short hole', [], 17],
      ['a hole first', [MIB], MIB + 4096],
      ['a hole last', [0], 20 * MIB + 1],
      ['many holes', [0, 65_536, 3 * MIB, 9 * MIB, 9 * MIB + 65_536], 30 * MIB],
      ['far', [2 ** 33, 2 ** 40], 2 ** 41 + 12_345],
    ];
    for (const [name, offsets, sizeBytes] of files) {
      makeSparseFile(join(source, name), offsets, sizeBytes);
      const expected = await contentOf(join(source, name));
      expect(expected.sizeBytes).toBe(BigInt(sizeBytes));
      const result = await copyFile(join(source, name), join(target, name), unhindered);
      if (outcome !== undefined) expect([name, result]).toEqual([name, outcome]);
      expect(await contentOf(join(target, name))).toEqual(expected);
    }
  });

  test('a copy that is to be larger ends in a hole', async () => {
    const { source, target } = make();
    writeFileSync(join(source, 'file'), 'content');
    await copyFile(join(source, 'file'), join(target, 'file'), unhindered, BigInt(8 * MIB));
    const { size, blocks } = statSync(join(target, 'file'));
    expect(size).toBe(8 * MIB);
    expect(blocks * 512).toBeLessThan(MIB);
    expect(readFileSync(join(target, 'file'), 'utf8').replace(/\0+$/, '')).toBe('content');
    await copyFile(join(source, 'file'), join(target, 'again'), unhindered, 3n);
    expect(readFileSync(join(target, 'again'), 'utf8')).toBe('content');
  });

  test('data of many chunks is copied unchanged', async () => {
    const { source, target } = make();
    const content = Buffer.alloc(20 * MIB + 777);
    for (let offset = 0; offset < content.length - 8; offset += 1024) content.writeUInt32LE(offset, offset);
    writeFileSync(join(source, 'file'), content);
    await copyFile(join(source, 'file'), join(target, 'file'), unhindered);
    expect(readFileSync(join(target, 'file')).equals(content)).toBe(true);
  });

  test('copied bytes are reported, shared ones are not', async () => {
    const { source, target } = make();
    makeSparseFile(join(source, 'file'), [0, MIB], 50 * MIB);
    let bytes = 0n;
    const onBytes = (more: bigint) => {
      bytes += more;
    };
    const result = await copyFile(join(source, 'file'), join(target, 'file'), { ...unhindered, onBytes });
    expect(bytes).toBe(result === 'shared' ? 0n : 8192n);
  });
});

describe('the largest files', () => {
  const pwrite = libraryCall('pwrite', ['int', 'void *', 'size_t', 'int64']);
  const ftruncate = libraryCall('ftruncate', ['int', 'int64']);
  const LONGEST_BYTES = 2n ** 63n - 1n;
  const offsets = [0n, 2n ** 53n + 4096n, 2n ** 62n + 12_288n, 2n ** 63n - 8192n];

  test.runIf(isHostRoot)('are copied with holes and data beyond the largest safe integer', async () => {
    const xfs = () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-K'] });
    const [source, target] = [join(xfs(), 'file'), join(xfs(), 'file')];
    writeFileSync(source, '');
    const fd = opened(source);
    for (const offset of offsets) {
      const block = Buffer.alloc(4096, `at ${offset}`);
      await call(pwrite, source, fd, block, block.length, offset);
    }
    await call(ftruncate, source, fd, LONGEST_BYTES);
    expect(await copyFile(source, target, unhindered)).toBe('copied');
    const copyFd = opened(target);
    for (const offset of offsets) {
      const block = Buffer.alloc(4096);
      readSync(copyFd, block, { position: offset });
      expect(block.equals(Buffer.alloc(4096, `at ${offset}`))).toBe(true);
    }
    const status = statSync(target, { bigint: true });
    expect(status.size).toBe(LONGEST_BYTES);
    expect(status.blocks * 512n).toBeLessThan(BigInt(MIB));
  });
});

describe('ends', () => {
  test('the copy is accessible only to its owner', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content', { mode: 0o666 });
    await copyFile(join(source, 'file'), join(target, 'file'), unhindered);
    expect(statSync(join(target, 'file')).mode & 0o7777).toBe(0o600);
  });

  test('an existing target stays, even a symbolic link', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content');
    writeFileSync(join(target, 'file'), 'precious');
    symlinkSync('absent', join(target, 'link'));
    for (const name of ['file', 'link']) {
      const copying = copyFile(join(source, 'file'), join(target, name), unhindered);
      await expect(copying).rejects.toMatchObject({ code: 'EEXIST' });
    }
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('precious');
  });

  test('a source that is not a file is an error, also one that blocks when opened', async () => {
    const { source, target } = sourceAndTarget();
    mkdirSync(join(source, 'directory'));
    execFileSync('mkfifo', [join(source, 'fifo')]);
    symlinkSync('fifo', join(source, 'link'));
    const failing = { directory: 'EINVAL', fifo: 'EINVAL', link: 'ELOOP', absent: 'ENOENT' };
    for (const [name, code] of Object.entries(failing)) {
      const copying = copyFile(join(source, name), join(target, 'file'), unhindered);
      await expect(copying).rejects.toMatchObject({ code });
    }
  });

  test('copying does not move the position of the source', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content'.repeat(10_000));
    const sourceFd = opened(join(source, 'file'), 'r');
    readSync(sourceFd, Buffer.alloc(2));
    copyContent(
      sourceFd,
      opened(join(target, 'file'), 'wx'),
      runningOnBytes(() => {}),
    );
    const next = Buffer.alloc(3);
    readSync(sourceFd, next);
    expect(next.toString()).toBe('nte');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content'.repeat(10_000));
  });

  test('concurrent copies of one file are all complete', async () => {
    const { source, target } = sourceAndTarget();
    makeSparseFile(join(source, 'file'), [0, 3 * MIB, 7 * MIB], 9 * MIB);
    const copies = ['one', 'two', 'three'].map((name) => join(target, name));
    await Promise.all(copies.map((path) => copyFile(join(source, 'file'), path, unhindered)));
    const expected = await contentOf(join(source, 'file'));
    for (const path of copies) expect(await contentOf(path)).toEqual(expected);
  });

  test.runIf(isHostRoot)('a file that cannot be shared although others can is copied', async () => {
    const directory = btrfs();
    const [source, target] = [join(directory, 'source'), join(directory, 'target')];
    writeFileSync(source, '');
    execFileSync('chattr', ['+C', source]);
    writeFileSync(source, 'content'.repeat(10_000));
    expect(await copyFile(source, target, unhindered)).toBe('copied');
    expect(readFileSync(target, 'utf8')).toBe('content'.repeat(10_000));
  });

  test.runIf(isHostRoot)('a full disk is reported as such', async () => {
    const source = join(scratchDirectory(), 'file');
    writeFileSync(source, Buffer.alloc(16 * MIB, 'content'));
    const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 8 * MIB });
    const error = await copyFile(source, join(disk, 'file'), unhindered).catch((reason: unknown) => reason);
    expect(errnoOf(error)).toBe(errno.ENOSPC);
  });
});

describe('while it is copied', () => {
  /** Copies a file of 32 MiB, and runs an action on it when a part has been copied. */
  async function copyDuring(change: (source: string) => void) {
    const directories = sourceAndTarget();
    const [source, target] = [join(directories.source, 'file'), join(directories.target, 'file')];
    writeFileSync(source, Buffer.alloc(32 * MIB, 'content'));
    let isChanged = false;
    const onBytes = () => {
      if (!isChanged) change(source);
      isChanged = true;
    };
    copyFileHere(source, target, 0n, runningOnBytes(onBytes));
    return { source, target };
  }

  // A file that shares its blocks is copied at once.
  test('a file that shrinks is copied up to its new end', async () => {
    for (const sizeBytes of [0, 12_345, 20 * MIB]) {
      const { source, target } = await copyDuring((path) => truncateSync(path, sizeBytes));
      expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
    }
  });

  test('a file that grows is copied up to its old end', async () => {
    const { target } = await copyDuring((path) => appendFileSync(path, Buffer.alloc(50 * MIB, 'more')));
    expect(readFileSync(target).equals(Buffer.alloc(32 * MIB, 'content'))).toBe(true);
  });

  test('a file that is truncated and grows again is copied in its old size', async () => {
    const { target } = await copyDuring((path) => {
      const fd = openSync(path, 'r+');
      ftruncateSync(fd, 0);
      ftruncateSync(fd, 64 * MIB);
      closeSync(fd);
    });
    expect(statSync(target).size).toBe(32 * MIB);
  });

  test('the copy can be stopped', async () => {
    const directories = sourceAndTarget();
    const [source, target] = [join(directories.source, 'file'), join(directories.target, 'file')];
    writeFileSync(source, Buffer.alloc(64 * MIB, 'content'));
    const stop = new StopFlag();
    expect(() =>
      copyFileHere(
        source,
        target,
        0n,
        runningOnBytes(() => stop.stop(), stop),
      ),
    ).toThrow(StoppedError);
    expect(statSync(target).size).toBeLessThan(64 * MIB);
    const reason = new Error('not wanted');
    const again = copyFile(source, `${target}-2`, { ...unhindered, signal: AbortSignal.abort(reason) });
    await expect(again).rejects.toBe(reason);
  });
});
