import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { labelTree } from '../../../src/kernel/trees/label-tree.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { labelOf } from '../../support/security-label.ts';

const label = 'system_u:object_r:container_file_t:s0:c1,c2';

// The kernel stores labels also where SELinux is off.
describe.skipIf(!isHostRoot)('an SELinux label', () => {
  function tree() {
    const top = scratchDirectory();
    const outside = join(scratchDirectory(), 'outside');
    writeFileSync(outside, '');
    const deep = join(top, ...Array.from({ length: 40 }, (_, level) => `d${level}`));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'file'), '');
    writeFileSync(join(top, 'file'), '');
    symlinkSync(outside, join(top, 'link'));
    return { top, deep, outside };
  }

  test('is given to everything in a tree, and to nothing that a link in it leads to', async () => {
    const { top, deep, outside } = tree();
    expect(await labelTree(top, label)).toBe(true);
    for (const path of [top, join(top, 'file'), join(top, 'link'), join(top, 'd0'), deep, join(deep, 'file')])
      expect(labelOf(path)).toBe(label);
    expect(labelOf(outside)).not.toBe(label);
  });

  test('is not given again to a tree whose top has it, and replaces another', async () => {
    const { top } = tree();
    await labelTree(top, label);
    const file = join(top, 'new');
    writeFileSync(file, '');
    expect(await labelTree(top, label)).toBe(false);
    expect(labelOf(file)).not.toBe(label);
    const other = 'system_u:object_r:container_file_t:s0:c3,c4';
    expect(await labelTree(top, other)).toBe(true);
    expect(labelOf(file)).toBe(other);
  });

  test('is given to the top last, so that a tree whose labels a crash left incomplete gets all', async () => {
    const { top, deep } = tree();
    await labelTree(deep, label);
    expect(labelOf(top)).not.toBe(label);
    expect(await labelTree(top, label)).toBe(true);
    expect(labelOf(join(top, 'file'))).toBe(label);
  });

  test('is not given to an immutable file, which keeps no other from getting it', async () => {
    const { top } = tree();
    const file = join(top, 'file');
    execFileSync('chattr', ['+i', file]);
    try {
      await labelTree(top, label);
      expect([labelOf(file), labelOf(top)]).toEqual([undefined, label]);
    } finally {
      execFileSync('chattr', ['-i', file]);
    }
  });
});
