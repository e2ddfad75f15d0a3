import { linkSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { entryName } from '../../../src/kernel/calls/entry-name.ts';
import { HardLinks } from '../../../src/kernel/trees/hard-links.ts';
import { copyTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { sourceAndTarget } from '../../support/copy-places.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { opened } from '../../support/loop.ts';

const FILES = 500;

test('the list of files with several names is stored on disk, and not in memory', async () => {
  const { target } = sourceAndTarget();
  const parentFd = opened(target, 'r');
  const links = new HardLinks(parentFd);
  for (const name of ['first', 'second', 'third']) {
    for (let index = 0; index < FILES; index++) {
      const make = () => {
        writeFileSync(join(target, `${name}-${index}`), `${index}`);
        return 'made' as const;
      };
      const place = { parentFd, name: entryName(`${name}-${index}`) };
      expect(links.addName({ key: `1-${index}`, names: 3 }, place, make)).toBe('made');
    }
    expect(sizesOf(links)).toEqual(sizesOf(links).map(() => 0));
  }
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
