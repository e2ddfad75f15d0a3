import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ByteComparer, CHUNK_BYTES, differingRanges } from '../../../../src/backends/image/byte-comparer.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

const neverAborted = new AbortController().signal;
const length = Number(CHUNK_BYTES);

function fileWith(content: Buffer): number {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  return fd;
}

function comparer() {
  let readBytes = 0;
  const bytes = new ByteComparer((count) => {
    readBytes += count;
  });
  return { bytes, readBytes: () => readBytes };
}

test.each([
  ['nothing if they are equal', 0n, 'aaaaaaaa', []],
  [
    'a granule for each byte',
    0n,
    'baaaaaab',
    [
      [0n, 4n],
      [4n, 8n],
    ],
  ],
  ['granules at multiples of their size', 2n, 'aabaaaaa', [[4n, 8n]]],
  [
    'a part of a granule if the rest is not compared',
    3n,
    'baaaaaab',
    [
      [3n, 4n],
      [8n, 11n],
    ],
  ],
])('two buffers differ in %s', (_, start, target, expected) => {
  const ranges = differingRanges(Buffer.from('aaaaaaaa'), Buffer.from(target), start, 4n);
  expect(ranges.map((range) => [range.start, range.end])).toEqual(expected);
});

test('comparing a file with zeros reads only that file', async () => {
  const { bytes, readBytes } = comparer();
  const content = Buffer.alloc(3 * 4096);
  content.write('x', 5000);
  const fd = fileWith(content);
  const range = { start: 0n, end: BigInt(content.length) };
  const changed = [{ start: 4096n, end: 8192n }];
  const compare = (baseFd: number | undefined, targetFd: number | undefined) =>
    bytes.differences(range, { baseFd, targetFd }, 4096n, neverAborted);
  expect(await compare(fd, undefined)).toEqual(changed);
  expect(await compare(undefined, fd)).toEqual(changed);
  expect(readBytes()).toBe(2 * content.length);
  expect(await compare(fd, fd)).toEqual([]);
});

test('many concurrent comparisons each get their own answer', async () => {
  const { bytes } = comparer();
  const base = fileWith(Buffer.alloc(length));
  const range = { start: 0n, end: CHUNK_BYTES };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      const content = Buffer.alloc(length);
      content.write('x', index * 4096);
      const files = { baseFd: base, targetFd: fileWith(content) };
      return bytes.differences(range, files, 4096n, new AbortController().signal);
    }),
  );
  expect(answers).toEqual(
    Array.from({ length: 20 }, (_, index) => [
      { start: BigInt(index * 4096), end: BigInt((index + 1) * 4096) },
    ]),
  );
});

test('a file that ends too early or cannot be read is an error, and does not delay later ones', async () => {
  const { bytes } = comparer();
  const short = fileWith(Buffer.alloc(100, 'a'));
  const whole = fileWith(Buffer.alloc(4096, 'a'));
  const unused = 2 ** 30;
  const compare = (baseFd: number, targetFd: number) =>
    bytes.differences({ start: 0n, end: 4096n }, { baseFd, targetFd }, 4096n, neverAborted);
  for (let round = 0; round < 5; round++) {
    await expect(compare(short, whole)).rejects.toMatchObject({ code: 'EIO' });
    await expect(compare(whole, unused)).rejects.toMatchObject({ code: 'EBADF' });
  }
  expect(await compare(whole, whole)).toEqual([]);
});

test('an abort fails with its reason', async () => {
  const { bytes } = comparer();
  const reason = new Error('gone');
  const files = { baseFd: undefined, targetFd: undefined };
  const stopped = AbortSignal.abort(reason);
  await expect(bytes.differences({ start: 0n, end: 1n }, files, 1n, stopped)).rejects.toBe(reason);
});
