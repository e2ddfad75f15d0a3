import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { passStep } from '../../../src/model/steps.ts';
import { type FileChange, FileChangeError, FileChanges } from '../../../src/records/file-changes.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function changeIn(directory: string) {
  const [first, second] = ['first', 'second'].map((name) => join(directory, name)) as [string, string];
  const makeFirst = { kind: 'make-directory', path: first, mode: 0o700 } as const;
  const makeSecond = { kind: 'make-directory', path: second, mode: 0o700 } as const;
  const change: FileChange = [makeFirst, 'create: directory made', makeSecond];
  return { first, second, makeSecond, change };
}

test('a change waits at each step, with what comes before done and what comes after not begun', async () => {
  const { first, second, change } = changeIn(temporaryDirectory());
  const seen: unknown[] = [];
  const changes = new FileChanges((step) => void seen.push([step, existsSync(first), existsSync(second)]));
  await changes.make(change);
  expect(seen).toEqual([['create: directory made', true, false]]);
  expect(existsSync(second)).toBe(true);
});

test('the step that fails is named', async () => {
  const { second, change } = changeIn(temporaryDirectory());
  const error = new Error('of the test');
  const changes = new FileChanges(() => Promise.reject(error));
  await expect(changes.make(change)).rejects.toMatchObject({ item: 'create: directory made', cause: error });
  expect(existsSync(second)).toBe(false);
});

test('the operation that fails is named, at whichever place', async () => {
  const { makeSecond, change } = changeIn(temporaryDirectory());
  const changes = new FileChanges(passStep);
  await changes.make([makeSecond]);
  const failed = await changes.make(change).catch((thrown: unknown) => thrown);
  expect(failed).toBeInstanceOf(FileChangeError);
  expect((failed as FileChangeError).item).toBe(makeSecond);
  expect((failed as FileChangeError).cause).toMatchObject({ code: 'EEXIST' });
});
