import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../src/kernel/calls/descriptor.ts';
import { isSubvolume } from '../../src/kernel/file-systems/btrfs.ts';
import { mutationSteps } from '../../src/model/steps.ts';
import { btrfs } from '../support/btrfs.ts';
import { runDriver } from '../support/driver-process.ts';
import { isHostRoot } from '../support/host-root.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const steps = sampleOf(mutationSteps.rebuildContent, 2);

describe.skipIf(!isHostRoot)('a repair that makes a subvolume of a directory', () => {
  test.each(steps)('killed after "%s" leaves the data whole, and can be repeated', async (step) => {
    const pool = btrfs('qgroup');
    const socket = join(pool, '..', 'status.sock');
    const stoppable = new StoppableNode(pool, [`--status-socket=${socket}`]);
    await stoppable.start();
    const id = await stoppable.test.create('data', { parameters: { pool: stoppable.poolName } });
    const data = join(pool, 'volumes', id, 'data');
    const hasSubvolume = () => withDescriptor(data, 'r', isSubvolume);
    writeFileSync(join(data, 'file'), 'kept');
    execFileSync('cp', ['-aT', data, `${data}.copy`]);
    execFileSync('btrfs', ['subvolume', 'delete', data], { stdio: 'ignore' });
    renameSync(`${data}.copy`, data);

    const repair = () => runDriver(['check', '--repair', `--socket=${socket}`]);
    await stoppable.dieAt(step, repair);
    expect(await hasSubvolume()).toBe(step !== 'rebuild: content made');
    expect(readFileSync(join(data, 'file'), 'utf8')).toBe('kept');
    await stoppable.start();
    await stoppable.expectTidy();
    expect((await repair()).code).toBe(0);
    expect(await hasSubvolume()).toBe(true);
    expect(readFileSync(join(data, 'file'), 'utf8')).toBe('kept');
    expect(readdirSync(dirname(data)).toSorted()).toEqual(['data', 'volume.json']);
  });
});
