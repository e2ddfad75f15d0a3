import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecordReserve } from '../../../src/records/record-reserve.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

async function filledReserve() {
  const top = temporaryDirectory();
  const [directory, record] = [join(top, 'reserve'), join(top, 'volume.json')];
  writeFileSync(record, 'old');
  const reserve = new RecordReserve(directory);
  await reserve.fill();
  return { reserve, directory, record };
}

test('a spare takes the place of a record, and the old record becomes a spare', async () => {
  const { reserve, directory, record } = await filledReserve();
  const spares = readdirSync(directory);
  expect(await reserve.replaceFile(record, 'new')).toBe(true);
  expect(readFileSync(record, 'utf8')).toBe('new');
  expect(readdirSync(directory)).toEqual(spares);
});

test('what someone put in the place of a spare is left alone, and the next spare is used', async () => {
  const { reserve, directory, record } = await filledReserve();
  const [first = '', second = '', third = ''] = readdirSync(directory).map((name) => join(directory, name));
  for (const path of [first, second, third]) rmSync(path);
  mkdirSync(first);
  symlinkSync('elsewhere', second);
  execFileSync('mkfifo', [third]);
  expect(await reserve.replaceFile(record, 'new')).toBe(true);
  expect(readFileSync(record, 'utf8')).toBe('new');
  expect(readdirSync(first)).toEqual([]);
});

test('without a spare the record stays as it is', async () => {
  const { reserve, directory, record } = await filledReserve();
  rmSync(directory, { recursive: true });
  expect(await reserve.replaceFile(record, 'new')).toBe(false);
  expect(readFileSync(record, 'utf8')).toBe('old');
});
