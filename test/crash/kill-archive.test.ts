import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutationSteps } from '../../src/model/steps.ts';
import { runInProcess } from '../support/run-command.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const claim = { 'csi.storage.k8s.io/pvc/namespace': 'shop', 'csi.storage.k8s.io/pvc/name': 'data' };
const { restoreVolume, purgeVolume } = mutationSteps;

async function startedNode() {
  const socket = join(scratchDirectory(), 'status');
  const flags = ['--enable-controller-modify-volume', `--status-socket=${socket}`];
  const node = new StoppableNode(undefined, flags);
  await node.start();
  const run = (...words: string[]) => runInProcess([...words, `--socket=${socket}`]);
  return { node, run };
}

/** Archives a volume with a file in it. @returns its id */
async function archive(node: StoppableNode, name: string): Promise<string> {
  const mutable_parameters = { onDelete: 'archive' };
  const volume_id = await node.test.create(name, { parameters: claim, mutable_parameters });
  writeFileSync(join(node.pool, 'volumes', volume_id, 'data', 'file'), 'kept');
  await node.test.controller.DeleteVolume({ volume_id });
  return volume_id;
}

/** Expects the volume to be whole, either existing or archived, and nothing else to be there. */
function expectWhole(node: StoppableNode, id: string): void {
  const homes = ['volumes', 'retained'].filter((home) => existsSync(join(node.pool, home, id)));
  expect(homes).toHaveLength(1);
  expect(readFileSync(join(node.pool, homes[0] ?? '', id, 'data', 'file'), 'utf8')).toBe('kept');
}

test('a claim has its archived volume back, although the driver was killed while it restored it', async () => {
  const { node } = await startedNode();
  for (const step of sampleOf(restoreVolume, 0)) {
    const id = await archive(node, `old ${step}`);
    const parameters = { ...claim, restore: 'latest' };
    const restore = () => node.test.create(`new ${step}`, { parameters });
    await node.dieAt(step, restore);
    await node.start();
    expectWhole(node, id);
    expect(await restore()).toBe(id);
    expect(readdirSync(join(node.pool, 'retained'))).toEqual([]);
    await node.test.controller.ControllerModifyVolume({
      volume_id: id,
      mutable_parameters: { onDelete: 'delete' },
    });
    await node.test.controller.DeleteVolume({ volume_id: id });
    await node.expectNothingLeft();
  }
  await node.test.stop();
});

test('a command that the driver did not survive is repeated with success', async () => {
  const { node, run } = await startedNode();
  for (const step of [...sampleOf(restoreVolume, 1), ...sampleOf(purgeVolume, 1)]) {
    const id = await archive(node, step);
    const isRestore = restoreVolume.some((each) => each === step);
    const words = isRestore ? ['restore', id, '--name=again'] : ['purge', id, '--yes'];
    await node.dieAt(step, () => run(...words));
    await node.start();
    if (isRestore) expectWhole(node, id);
    expect(await run(...words)).toMatchObject({ code: 0 });
    if (isRestore) {
      await node.test.controller.DeleteVolume({ volume_id: id });
      expect((await run('purge', id, '--yes')).code).toBe(0);
    }
    expect(readdirSync(join(node.pool, 'retained'))).toEqual([]);
    await node.expectNothingLeft();
  }
  await node.test.stop();
});
