import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type ImageChange, writeImage } from '../../../../src/backends/image/write-image.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

const SIZE = 64 * 1024;
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), 'image');
  writeFileSync(path, Buffer.alloc(16 * 1024, 'a'));
  truncateSync(path, SIZE);
});

function write(...changes: ImageChange[]): Promise<void> {
  async function* inOrder() {
    yield* changes;
  }
  return writeImage(path, BigInt(SIZE), inOrder());
}

const data = (start: number, text: string): ImageChange => ({
  kind: 'data',
  start: BigInt(start),
  bytes: Buffer.from(text),
});
const zeros = (start: number, end: number): ImageChange => ({
  kind: 'zeros',
  start: BigInt(start),
  end: BigInt(end),
});

test('data and zeros replace what was there, and nothing else changes', async () => {
  await write(data(0, 'bb'), zeros(4096, 8192), data(SIZE - 2, 'cc'));
  const expected = Buffer.alloc(SIZE);
  expected.fill('a', 0, 16 * 1024);
  expected.write('bb');
  expected.fill(0, 4096, 8192);
  expected.write('cc', SIZE - 2);
  expect(readFileSync(path).equals(expected)).toBe(true);
});

test.each([
  ['data beyond the end', [data(SIZE - 1, 'xx')]],
  ['zeros beyond the end', [zeros(SIZE - 1, SIZE + 1)]],
  ['an end before its start', [zeros(8192, 4096)]],
  ['an offset beyond all files', [data(Number(2n ** 62n), 'x')]],
  ['what goes back', [data(4096, 'x'), data(0, 'x')]],
])('%s is refused', async (_name, changes) => {
  await expect(write(...changes)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(`outside an image of ${SIZE} bytes`),
  });
  expect(statSync(path).size).toBe(SIZE);
});
