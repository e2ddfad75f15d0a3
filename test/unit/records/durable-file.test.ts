import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaceFile, syncPath, writeNewFile } from '../../../src/records/durable-file.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

test('a new file has the complete text, for the driver alone', async () => {
  const path = join(temporaryDirectory(), 'file');
  const text = 'ü\n'.repeat(100_000);
  await writeNewFile(path, text);
  expect(readFileSync(path, 'utf8')).toBe(text);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a new file does not overwrite an existing one', async () => {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, 'old');
  await expect(writeNewFile(path, 'new')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync(path, 'utf8')).toBe('old');
});

test('a file is replaced atomically, also over leftovers of a crash', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old');
  writeFileSync(`${path}.new`, 'the beginning of something longer');
  const before = statSync(path).ino;
  await replaceFile(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).ino).not.toBe(before);
  expect(readdirSync(directory)).toEqual(['file']);
});

test('files and directories are synced, and a missing one is an error', async () => {
  const directory = temporaryDirectory();
  await syncPath(directory);
  await expect(syncPath(join(directory, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
});
