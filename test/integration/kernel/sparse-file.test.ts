import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileSystemOn } from '../../../src/kernel/file-systems/superblock.ts';
import { allocatedBytes, growSparse, isBlank, makeSparse } from '../../../src/kernel/files/sparse-file.ts';
import { opened } from '../../support/loop.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const GIB = 1024n ** 3n;

async function sparseFile(bytes: bigint): Promise<string> {
  const path = join(scratchDirectory(), 'image');
  await makeSparse(path, bytes);
  return path;
}

test('a sparse file has its size, takes no space and is accessible only to its owner', async () => {
  const path = await sparseFile(8n * GIB);
  expect(statSync(path, { bigint: true })).toMatchObject({ size: 8n * GIB, mode: 0o100600n });
  expect(await allocatedBytes(path)).toBe(0n);
});

test('an existing file is not replaced', async () => {
  const path = await sparseFile(4096n);
  writeFileSync(path, 'content');
  await expect(makeSparse(path, GIB)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync(path, 'utf8')).toBe('content');
});

test('a size larger than any file is refused', async () => {
  const path = await sparseFile(4096n);
  await expect(growSparse(path, 2n ** 63n - 1n)).rejects.toMatchObject({ code: 'EFBIG' });
  expect(statSync(path).size).toBe(4096);
});

test('a file grows and never shrinks', async () => {
  const path = await sparseFile(GIB);
  await growSparse(path, 2n * GIB);
  expect(statSync(path, { bigint: true }).size).toBe(2n * GIB);
  await growSparse(path, GIB);
  expect(statSync(path, { bigint: true }).size).toBe(2n * GIB);
});

test('a file is blank until something is written to it, even zeros', async () => {
  const path = await sparseFile(8n * GIB);
  const fd = opened(path);
  expect(await isBlank(fd)).toBe(true);
  expect(await fileSystemOn(fd)).toBe('blank');
  writeFileSync(fd, Buffer.alloc(4096));
  expect(await isBlank(fd)).toBe(false);
  expect(await fileSystemOn(fd)).toBe('unknown');
});

test('data beyond 2 GiB is found', async () => {
  for (const offset of [2n * GIB, 3n * GIB, 4n * GIB, 6n * GIB]) {
    const path = await sparseFile(offset);
    const fd = opened(path, 'a');
    writeFileSync(fd, 'content');
    expect(await isBlank(fd)).toBe(false);
    truncateSync(path, Number(offset));
    expect(await isBlank(fd)).toBe(true);
  }
});
