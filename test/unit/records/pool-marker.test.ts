import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  readMarker,
  readRegistry,
  writeMarker,
  writeRegistry,
} from '../../../src/pools/directory/pool-marker.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const marker = { poolId: '0123abcd', fileSystem: 'ef53:00112233' };
const remembered = { name: 'default', path: '/pool', ...marker };
const newPath = () => join(temporaryDirectory(), 'file.json');

test('a marker is read back as it was written', async () => {
  const path = newPath();
  await writeMarker(path, marker);
  expect(await readMarker(path)).toMatchObject(marker);
});

test('the recorded pools are read back as they were last written', async () => {
  const path = newPath();
  await writeRegistry(path, [remembered]);
  await writeRegistry(path, [remembered, { ...remembered, name: 'fast' }]);
  expect((await readRegistry(path)).map(({ name }) => name)).toEqual(['default', 'fast']);
  expect(readdirSync(dirname(path))).toEqual(['file.json']);
});

test('without a file there is no marker, and no pool is recorded', async () => {
  const path = newPath();
  expect(await readMarker(path)).toBeUndefined();
  expect(await readRegistry(path)).toEqual([]);
});

test.each([
  ['empty', '', 'it is empty'],
  ['not JSON', '{"formatVersion": 1', 'it is not JSON'],
  [
    'of a newer format',
    JSON.stringify({ formatVersion: 2, ...marker, pools: [] }),
    'its format version 2 is too new',
  ],
  ['without its fields', JSON.stringify({ formatVersion: 1 }), 'Invalid input'],
  [
    'changed by a flipped bit',
    JSON.stringify({ formatVersion: 1, ...marker, pools: [remembered], checksum: '00000000' }),
    'its content does not match its checksum',
  ],
  [
    'with a pool id of another form',
    JSON.stringify({
      formatVersion: 1,
      ...marker,
      poolId: '../x',
      pools: [{ ...remembered, poolId: '../x' }],
    }),
    'poolId: Invalid string',
  ],
])('a file that is %s is never treated as missing, and is left unchanged', async (_, text, reason) => {
  const path = newPath();
  writeFileSync(path, text);
  for (const read of [readMarker, readRegistry]) {
    const message = await read(path).catch((error: Error) => error.message);
    expect(message).toContain(`cannot parse ${path}: `);
    expect(message).toContain(reason);
    expect(message).toContain('; file left untouched');
  }
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test.each([
  ['a directory', (path: string) => mkdirSync(path)],
  ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
  ['a symbolic link', (path: string) => symlinkSync('elsewhere', path)],
  [
    'a huge file',
    (path: string) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
  ],
])('%s in place of the file is refused at once, naming it', async (_, put) => {
  const path = newPath();
  put(path);
  for (const read of [readMarker, readRegistry]) {
    await expect(read(path)).rejects.toThrow(`cannot read ${path}: it `);
  }
});

test('a disk error is passed on', async () => {
  const path = newPath();
  writeFileSync(path, '');
  await expect(readMarker(join(path, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});
