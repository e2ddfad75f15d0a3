import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file for one test that cannot be removed. */
export interface ImmutableFile {
  /** Where it is now; empty if it was removed. */
  find(): string;
  makeMutable(): void;
}

/** @param root of the file system, below which the file may be moved */
export function immutableFile(directory: string, root: string): ImmutableFile {
  const path = join(directory, 'immutable');
  writeFileSync(path, '');
  execFileSync('chattr', ['+i', path]);
  const find = () =>
    execFileSync('find', [root, '-xdev', '-name', basename(path)], { encoding: 'utf8' }).trim();
  const makeMutable = () => {
    const found = find();
    if (found !== '') execFileSync('chattr', ['-i', found]);
  };
  onTestFinished(makeMutable);
  return { find, makeMutable };
}
