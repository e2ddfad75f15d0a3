import { linkSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyTree } from '../../../src/kernel/trees/copy-tree.ts';
import { HardLinks } from '../../../src/kernel/trees/hard-links.ts';
import { sourceAndTarget } from '../../support/copy-places.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { opened } from '../../support/loop.ts';

const FILES = 500;
const hereAndNow = (other: Promise<void>) => other;

test('the list of files with several names is stored on disk, and not in memory', async () => {
  const { target } = sourceAndTarget();
  const links = new HardLinks(opened(target, 'r'));
  const place = (index: number, name: string) => {
    const path = join(target, name);
    const make = async () => {
      writeFileSync(path, `${index}`);
      return true;
    };
    return links.addName({ key: `1-${index}`, names: 3n }, Buffer.from(path), make, hereAndNow);
  };
  for (let index = 0; index < FILES; index++) await place(index, `first-${index}`);
  expect(sizesOf(links)).toEqual(sizesOf(links).map(() => 0));
  for (let index = 0; index < FILES; index++) {
    await Promise.all([place(index, `second-${index}`), place(index, `third-${index}`)]);
  }
  expect(sizesOf(links)).toEqual(sizesOf(links).map(() => 0));
  await links.close({ failed: false });
  expect(readdirSync(target)).toHaveLength(3 * FILES);
  expect(statSync(join(target, 'second-7')).nlink).toBe(3);
  expect(statSync(join(target, 'third-7')).ino).toBe(statSync(join(target, 'first-7')).ino);
});

test('the second names of many files are found, even if they come long after the first', async () => {
  const { source, target } = sourceAndTarget();
  const deep = Array.from({ length: 40 }, () => 'deep');
  mkdirSync(join(source, 'first'));
  makeDeep(source, deep);
  const second = join(source, ...deep);
  for (let index = 0; index < FILES; index++) {
    writeFileSync(join(source, 'first', `${index}`), `content ${index}`);
    linkSync(join(source, 'first', `${index}`), join(second, `${index}`));
  }
  const control = { signal: new AbortController().signal, onBytes: () => {}, onWait: () => {} };
  await copyTree(source, target, control);
  expect(readdirSync(target).sort()).toEqual(['deep', 'first']);
  for (let index = 0; index < FILES; index++) {
    const status = statSync(join(target, 'first', `${index}`));
    expect(status.nlink).toBe(2);
    expect(statSync(join(target, ...deep, `${index}`)).ino).toBe(status.ino);
  }
});

/** The size of an object's collections that could grow with the files. */
function sizesOf(links: HardLinks): number[] {
  return Object.values(links).flatMap((value: unknown) =>
    value instanceof Map || value instanceof Set ? [value.size] : [],
  );
}
