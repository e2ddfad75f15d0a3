import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { bind } from '../../support/bind.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { restlessTenant } from '../../support/restless-tenant.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const DEEP = Array.from({ length: 3000 }, () => 'deep');

/** A directory to remove, and a neighbour that must survive. */
function treeAndVictim() {
  const directory = scratchDirectory();
  const tree = join(directory, 'tree');
  const victim = join(directory, 'victim');
  mkdirSync(tree);
  mkdirSync(join(victim, 'inner'), { recursive: true });
  writeFileSync(join(victim, 'inner', 'file'), 'precious');
  return { directory, tree, victim, before: listing(victim) };
}

describe('trees', () => {
  test('a missing path counts as removed', async () => {
    const { directory, before, victim } = treeAndVictim();
    await removeTree(join(directory, 'absent'));
    await removeTree(join(directory, 'absent', 'below'));
    expect(listing(victim)).toEqual(before);
  });

  test('a tree of 3,000 levels is removed, with nothing left beside it', async () => {
    const { directory, tree } = treeAndVictim();
    makeDeep(tree, DEEP);
    await removeTree(tree);
    expect(readdirSync(directory)).toEqual(['victim']);
  });

  test('a deep tree is removed with few files open at once', async () => {
    const { tree } = treeAndVictim();
    makeDeep(tree, DEEP);
    const openBefore = readdirSync('/proc/self/fd').length;
    let openMost = 0;
    const counting = setInterval(() => {
      openMost = Math.max(openMost, readdirSync('/proc/self/fd').length - openBefore);
    }, 0);
    await removeTree(tree);
    clearInterval(counting);
    expect(existsSync(tree)).toBe(false);
    expect(openMost).toBeGreaterThan(0);
    expect(openMost).toBeLessThan(150);
  });

  test.runIf(isHostRoot)(
    'deep directories are removed from a disk without space for another directory',
    async () => {
      const disk = scratchDirectory();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=200', 'full', disk]);
      const tree = join(disk, 'tree');
      mkdirSync(tree);
      for (const branch of ['one', 'other'])
        makeDeep(tree, [...DEEP.slice(0, 40), branch, ...DEEP.slice(0, 35)]);
      const fill = () => {
        for (let file = 0; ; file++) writeFileSync(join(disk, `${file}`), '');
      };
      expect(fill).toThrow('ENOSPC');
      await removeTree(tree);
      expect(readdirSync(disk).filter((name) => !/^\d+$/.test(name))).toEqual([]);
    },
  );

  test('two deep trees in one directory can be removed at the same time', async () => {
    const { directory, tree } = treeAndVictim();
    const other = join(directory, 'other');
    mkdirSync(other);
    makeDeep(tree, DEEP);
    makeDeep(other, DEEP);
    await Promise.all([removeTree(tree), removeTree(other)]);
    expect(readdirSync(directory)).toEqual(['victim']);
  });

  test('a deep tree is removed even if an earlier removal has left a part of another beside it', async () => {
    const { directory, tree } = treeAndVictim();
    mkdirSync(join(directory, `.deep-${process.pid}-0`, 'left'), { recursive: true });
    makeDeep(tree, DEEP.slice(0, 100));
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  test('a wide tree is removed', async () => {
    const { directory, tree } = treeAndVictim();
    for (let index = 0; index < 50; index++) {
      mkdirSync(join(tree, `directory-${index}`));
      for (let file = 0; file < 50; file++)
        writeFileSync(join(tree, `directory-${index}`, `file-${file}`), '');
    }
    await removeTree(tree);
    expect(readdirSync(directory)).toEqual(['victim']);
  });

  test('names that are not UTF-8 or have odd characters are removed', async () => {
    const { directory, tree } = treeAndVictim();
    const inTree = (name: Buffer) => Buffer.concat([Buffer.from(`${tree}/`), name]);
    mkdirSync(inTree(Buffer.from([0xff, 0xfe])));
    writeFileSync(inTree(Buffer.from([0xff, 0xfe, 0x2f, 0x80, 0xc3])), 'in a directory');
    writeFileSync(inTree(Buffer.from([0xc3, 0x28])), 'not UTF-8');
    for (const name of ['line\nbreak', ' ', '\\', '-rf', '…', '\u{1F4A5}', 'a'.repeat(255)]) {
      writeFileSync(join(tree, name), '');
    }
    await removeTree(tree);
    expect(readdirSync(directory)).toEqual(['victim']);
  });
});

describe('symbolic links', () => {
  test('in the tree are removed, and their targets stay', async () => {
    const { tree, victim, before } = treeAndVictim();
    symlinkSync(victim, join(tree, 'to-directory'));
    symlinkSync(join(victim, 'inner', 'file'), join(tree, 'to-file'));
    symlinkSync('../victim', join(tree, 'relative'));
    symlinkSync('nowhere', join(tree, 'broken'));
    symlinkSync('.', join(tree, 'loop'));
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(listing(victim)).toEqual(before);
  });

  test('in place of the tree are removed, and their targets stay', async () => {
    const { directory, tree, victim, before } = treeAndVictim();
    renameSync(tree, join(directory, 'away'));
    symlinkSync(victim, tree);
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(listing(victim)).toEqual(before);
  });

  test('in the path to the tree are an error', async () => {
    const { directory, victim, before } = treeAndVictim();
    symlinkSync(directory, join(directory, 'link'));
    const code = expect.stringMatching(/^(ENOTDIR|ELOOP)$/);
    await expect(removeTree(join(directory, 'link', 'victim'))).rejects.toMatchObject({ code });
    await expect(removeTree(join(directory, 'link', 'victim', 'inner'))).rejects.toMatchObject({ code });
    expect(listing(victim)).toEqual(before);
  });

  test('that are swapped in for directories during the removal are not followed', async () => {
    const { directory, tree, victim, before } = treeAndVictim();
    const names = Array.from({ length: 300 }, (_, index) => `directory-${index}`);
    for (const name of names) mkdirSync(join(tree, name, 'inner'), { recursive: true });
    mkdirSync(join(directory, 'away'));
    const swap = async () => {
      for (const name of names) {
        // Fails if the removal was faster.
        await rename(join(tree, name), join(directory, 'away', name)).then(
          () => symlink(victim, join(tree, name)).catch(() => {}),
          () => {},
        );
      }
    };
    await Promise.allSettled([removeTree(tree), swap()]);
    expect(listing(victim)).toEqual(before);
  });
});

test('a tree in which a process moves everything is gone, unless the removal fails', async () => {
  const { directory, tree, victim, before } = treeAndVictim();
  const outcomes = new Set<string>();
  for (let round = 0; round < 4; round++) {
    mkdirSync(tree, { recursive: true });
    const tenant = await restlessTenant(tree, victim, round);
    const outcome = await removeTree(tree).then(
      () => 'removed',
      (error: NodeJS.ErrnoException) => error.code,
    );
    outcomes.add(`${outcome}${existsSync(tree) ? ', and there' : ''}`);
    await tenant.end();
  }
  await removeTree(tree);
  expect(['removed', 'ENOTEMPTY, and there']).toEqual(expect.arrayContaining([...outcomes]));
  expect(readdirSync(directory)).toEqual(['victim']);
  expect(listing(victim)).toEqual(before);
});

describe('mounts', () => {
  test('in the tree are an error, and their content stays', async () => {
    const { tree, victim, before } = treeAndVictim();
    mkdirSync(join(tree, 'a', 'b'), { recursive: true });
    await bind(victim, join(tree, 'a', 'b'));
    await expect(removeTree(tree)).rejects.toMatchObject({ code: expect.stringMatching(/^(EXDEV|EBUSY)$/) });
    expect(listing(victim)).toEqual(before);
    expect(readFileSync(join(tree, 'a', 'b', 'inner', 'file'), 'utf8')).toBe('precious');
  });

  test('on a file in the tree are an error and stay', async () => {
    const { tree, victim, before } = treeAndVictim();
    writeFileSync(join(tree, 'file'), '');
    await bind(join(victim, 'inner', 'file'), join(tree, 'file'));
    await expect(removeTree(tree)).rejects.toMatchObject({ code: 'EBUSY' });
    expect(listing(victim)).toEqual(before);
  });

  test.runIf(isHostRoot)('in the tree that do not respond are not accessed', async () => {
    const directory = scratchDirectory();
    const tree = join(directory, 'tree');
    const fuse = await fuseMount(join(tree, 'inner', 'fuse'));
    fuse.hang();
    await expect(removeTree(tree)).rejects.toMatchObject({ code: 'EXDEV' });
    await fuse.die();
  });

  test('on the tree itself are an error, and their content stays', async () => {
    const { tree, victim, before } = treeAndVictim();
    await bind(victim, tree);
    await expect(removeTree(tree)).rejects.toMatchObject({ code: 'EXDEV' });
    expect(listing(victim)).toEqual(before);
  });
});
