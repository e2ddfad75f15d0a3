import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountsNaming } from '../../../src/kernel/mounts/known-mounts.ts';
import { mountsNaming as namedInMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';
import { listMountIds } from '../../../src/kernel/mounts/statmount.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function directories(...names: string[]): string[] {
  const top = scratchDirectory();
  return names.map((name) => {
    const path = join(top, name);
    mkdirSync(path, { recursive: true });
    return path;
  });
}

function placesIn(list: { path: string; root: string; fileSystem: string }[]) {
  return list.map(({ path, root, fileSystem }) => ({ path, root, fileSystem }));
}

test('a mount is found by a name in its root, and by one in its path', async () => {
  const [source = '', target = ''] = directories('named-source/data', 'named-target/sub');
  await bind(source, target);
  for (const name of ['named-source', 'named-target']) {
    const found = placesIn(mountsNaming(name));
    expect(found).toMatchObject([{ path: target }]);
    expect(found).toEqual(placesIn(namedInMountinfo(name)));
  }
});

test.each(['two words', 'tab\there', 'back\\slash', 'größe-\u{1F4BE}', 'x'.repeat(255)])(
  'the place of a mount below a directory named %j is read correctly',
  async (name) => {
    const deep = `${name}/${'d'.repeat(255)}/${'e'.repeat(255)}`;
    const [source = '', target = ''] = directories(`escaped-source/${deep}`, `escaped-target/${deep}`);
    await bind(source, target);
    const found = placesIn(mountsNaming('escaped-source'));
    expect(found).toMatchObject([{ path: target }]);
    expect(found).toEqual(placesIn(namedInMountinfo('escaped-source')));
  },
);

test('mounts that come and go are noticed', async () => {
  const [source = '', target = '', other = ''] = directories('changing', 'first', 'second');
  expect(mountsNaming('changing')).toEqual([]);
  await bind(source, target);
  expect(mountsNaming('changing')).toMatchObject([{ path: target }]);
  await bind(source, other);
  expect(mountsNaming('changing')).toHaveLength(2);
  await runProgram('umount', [target]);
  expect(mountsNaming('changing')).toMatchObject([{ path: other }]);
});

test('a mount is found at the place where it is now, by a name that did not change', async () => {
  const [source = '', target = ''] = directories('kept-name/data', 'before/kept-target');
  await bind(source, target);
  expect(mountsNaming('kept-name')).toHaveLength(1);
  const [parent = ''] = directories('after');
  await runProgram('mount', ['--make-private', target]);
  const moved = join(parent, 'kept-target');
  mkdirSync(moved);
  await runProgram('mount', ['--move', target, moved]);
  try {
    expect(mountsNaming('kept-name')).toMatchObject([{ path: moved }]);
  } finally {
    await runProgram('umount', [moved]);
    rmdirSync(moved);
  }
});

test('a longer list of mounts than there was room for is whole', () => {
  expect(listMountIds(2)).toEqual(listMountIds());
});
