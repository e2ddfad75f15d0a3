import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mutationSteps, type Step } from '../../src/model/steps.ts';
import { makeData, objectsIn } from '../support/adopting-node.ts';
import { btrfs } from '../support/btrfs.ts';
import { isHostRoot } from '../support/host-root.ts';
import { runInProcess } from '../support/run-command.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { listTree } from '../support/tree-listing.ts';
import { whilePublished } from '../support/whole-life.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const { adoptVolume, createVolume } = mutationSteps;

interface Kind {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Chosen so that `npm test` has the step in which data leaves its old path. */
  readonly offset: number;
  readonly makePool?: () => string;
}

const moved: Kind = { name: 'moved', steps: adoptVolume, offset: 4 };
const copied: Kind = { name: 'copied', steps: createVolume, offset: 1, makePool: () => btrfs() };
const kinds = isHostRoot ? [moved, copied] : [moved];

const listing = (path: string) => listTree(path, { holes: false });

describe.each(kinds)('data that is $name into a pool, with the driver killed at each step,', (kind) => {
  test('is whole at its old path or a whole volume, and a second run finishes', async () => {
    const socket = join(scratchDirectory(), 's');
    const node = new StoppableNode(kind.makePool?.(), [`--status-socket=${socket}`]);
    await node.start();
    for (const [index, step] of sampleOf(kind.steps, kind.offset).entries()) {
      const path = makeData(join(node.test.directory, `data-${index}`));
      const before = await listing(path);
      const words = ['adopt', path, `--pool=${node.poolName}`, '--size=1Mi', '--yes', `--socket=${socket}`];
      await node.dieAt(step, () => runInProcess(words));
      await node.start();
      await node.expectTidy();
      const volumes = join(node.pool, 'volumes');
      const made = readdirSync(volumes).filter((id) => id.startsWith(`data-${index}-`));
      if (kind === moved)
        expect([existsSync(path), made.length]).toEqual(made.length === 0 ? [true, 0] : [false, 1]);
      for (const place of [
        ...made.map((id) => join(volumes, id, 'data')),
        ...(existsSync(path) ? [path] : []),
      ])
        expect(await listing(place), step).toEqual(before);
      const { code, stdout, stderr } = await runInProcess(words);
      expect([code, stderr], step).toEqual([0, expect.stringContaining(`data-${index}`)]);
      const [{ spec }] = objectsIn({ stdout });
      expect(existsSync(path)).toBe(kind === copied);
      await whilePublished(node.test, spec.csi.volumeHandle, async (target) =>
        expect(await listing(target), step).toEqual(before),
      );
      if (kind === moved) expect(readdirSync(join(node.pool, '.adopting'))).toEqual([]);
      await node.test.controller.DeleteVolume({ volume_id: spec.csi.volumeHandle });
    }
    await node.expectNothingLeft();
  });
});
