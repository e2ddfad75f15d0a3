import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { projectOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { adoptingNode, makeData, objectsIn } from '../../support/adopting-node.ts';
import { asUser } from '../../support/as-user.ts';
import { listTree } from '../../support/tree-listing.ts';
import { whilePublished } from '../../support/whole-life.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;
const MIN_INODES = 4096;
const EXIT_FAILURE = 3;
const listing = (path: string) => listTree(path, { holes: false });

describe.each([xfs, ext4])('a directory beside a pool with quotas on $name', ({ name, withQuota }) => {
  test('is moved, with every file counted and limited, whatever project it was in', async () => {
    const disk = withQuota();
    const pool = join(disk, 'pool');
    mkdirSync(pool);
    const { node, run } = await adoptingNode(pool);
    const path = makeData(join(disk, 'data'));
    execFileSync('chattr', ['-p', '4711', '+P', join(path, 'inner')]);
    writeFileSync(join(path, 'inner', 'of-other-project'), Buffer.alloc(2 * MIB, 7));
    const before = await listing(path);
    const words = ['adopt', path, '--pool=other', '--size=16Mi', '--yes'];

    // What cannot be counted keeps it from being moved, and nothing holds back who goes on using it.
    // XFS counts immutable files as well.
    if (name === 'ext4') {
      execFileSync('chattr', ['+i', join(path, 'file')]);
      const refused = await run(...words);
      expect([refused.code, refused.stderr]).toEqual([EXIT_FAILURE, expect.stringContaining('immutable')]);
      execFileSync('chattr', ['-i', join(path, 'file')]);
    }
    writeFileSync(join(path, 'more'), Buffer.alloc(2 * SIZE));
    const small = await run(...words);
    expect([small.code, small.stderr]).toEqual([EXIT_FAILURE, expect.stringContaining('is smaller than')]);
    execFileSync('rm', [join(path, 'more')]);
    expect(await listing(path)).toEqual({ ...before, '.': expect.anything() });

    const done = await run(...words);
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('moved into pool other (quota)')]);
    expect(existsSync(path)).toBe(false);
    const { volumeHandle, volumeAttributes } = objectsIn(done)[0].spec.csi;
    expect(volumeAttributes).toMatchObject({ backend: 'quota', capacityEnforced: 'true' });
    const data = join(pool, 'volumes', volumeHandle, 'data');
    const projects = new Set<number>();
    for (const name of ['', 'file', 'inner', 'inner/of-other-project'])
      projects.add(await withDescriptor(join(data, name), 'r', (fd) => projectOf(fd).projectId));
    expect([...projects]).toEqual([expect.any(Number)]);
    expect(projects.has(4711)).toBe(false);
    await whilePublished(node, volumeHandle, (target) => {
      const { bsize, blocks, bfree } = statfsSync(target);
      expect(bsize * blocks).toBe(SIZE);
      expect(bsize * (blocks - bfree)).toBeGreaterThan(2 * MIB);
      execFileSync('chmod', ['777', target]);
      const { stderr } = asUser(
        'dd if=/dev/zero of="$1" bs=64k count=1024 conv=fsync',
        join(target, 'filler'),
      );
      expect(stderr).toMatch(/No space left on device|Disk quota exceeded/);
    });
    await node.controller.DeleteVolume({ volume_id: volumeHandle });
    expect(readdirSync(join(pool, 'volumes'))).toEqual([]);
  });
});

test('a directory with more files than a volume of its size may have is left where it is', async () => {
  const disk = xfs.withQuota();
  const pool = join(disk, 'pool');
  mkdirSync(pool);
  const { run } = await adoptingNode(pool);
  const path = makeData(join(disk, 'data'));
  execFileSync('sh', ['-c', `seq ${MIN_INODES} | xargs touch`], { cwd: path });
  const { code, stderr } = await run('adopt', path, '--pool=other', '--size=16Mi', '--yes');
  expect([code, stderr]).toEqual([
    EXIT_FAILURE,
    expect.stringMatching(/files and directories, and a volume of/),
  ]);
  expect(existsSync(join(path, 'inner'))).toBe(true);
  // It takes most of the disk already: the disk needs room only for what it may take on top of that.
  execFileSync('fallocate', ['--length', String(300 * MIB), join(path, 'large')]);
  expect(await run('adopt', path, '--pool=other', '--size=400Mi', '--yes')).toMatchObject({ code: 0 });
});
