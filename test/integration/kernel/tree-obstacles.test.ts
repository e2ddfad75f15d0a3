import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { setXattr } from '../../../src/kernel/attributes/xattr.ts';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { copyTree, gatherProject, removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { btrfs } from '../../support/btrfs.ts';
import { unhindered } from '../../support/copy-controls.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { makeLockedFile } from '../../support/locked-file.ts';

/** More bytes of names than one list can have, which is 65,536. */
async function addTooManyXattrs(path: string): Promise<void> {
  await withPath(path, (fd) => {
    for (let index = 0; index < 300; index++) {
      setXattr(fd, Buffer.from(`user.${index}-`.padEnd(255, 'x')), Buffer.from('value'));
    }
  });
}

function treeWithLockedFile() {
  const top = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-O', 'encrypt'] });
  const source = join(top, 'source');
  mkdirSync(source);
  makeLockedFile(top, join(source, 'locked'));
  return { top, source };
}

const largeLists = {
  XFS: () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-K'] }),
  btrfs: () => btrfs(),
} as const;

describe.skipIf(!isHostRoot)('a tree is not copied, and the obstacle is named,', () => {
  test.each(Object.keys(largeLists) as (keyof typeof largeLists)[])(
    'if a file on %s has more extended attributes than can be listed',
    async (fileSystem) => {
      const top = largeLists[fileSystem]();
      const source = join(top, 'source');
      mkdirSync(join(source, 'inner'), { recursive: true });
      writeFileSync(join(source, 'inner', 'file'), '');
      await addTooManyXattrs(join(source, 'inner', 'file'));
      await expect(copyTree(source, join(top, 'target'), unhindered)).rejects.toMatchObject({
        name: 'TreeObstacle',
        message: '"/inner/file" has more extended attributes than Linux can list; remove some',
      });
    },
  );

  test('if a file is encrypted with a key that the kernel does not have; it can still be removed', async () => {
    const { top, source } = treeWithLockedFile();
    await expect(copyTree(source, join(top, 'target'), unhindered)).rejects.toMatchObject({
      name: 'TreeObstacle',
      message: expect.stringMatching(/^"\/locked\/[^/]+" is encrypted/),
    });
    await removeTree(source);
    expect(readdirSync(top)).not.toContain('source');
  });
});

test.skipIf(!isHostRoot)(
  'an encrypted file does not keep the projects of a tree from being checked',
  async () => {
    const { source } = treeWithLockedFile();
    writeFileSync(join(source, 'file'), '');
    const options = { projectId: 0, otherProjects: new Set<number>(), isExclusive: true };
    const found = await gatherProject(source, options, new AbortController().signal);
    expect(found).toMatchObject({ inodes: 4, failures: 1 });
  },
);
