import { describe, test } from 'vitest';
import { mutationSteps, type Step } from '../../src/model/steps.ts';
import { isHostRoot } from '../support/host-root.ts';
import { blockDevice, image } from '../support/image-node.ts';
import {
  blockVictim,
  expectApart,
  fileSystemVictim,
  PodDevice,
  publishVictim,
} from '../support/pod-device.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const MIB = 1024 ** 2;
const SIZE = 32 * MIB;
const volume_capability = blockDevice();
const { stageVolume, stageBlock, stageImage, publishVolume, unpublishVolume, unstageVolume, unstageBlock } =
  mutationSteps;

const killed = [
  { victim: blockVictim, steps: ['stage: checked', ...stageBlock, ...publishVolume] },
  { victim: fileSystemVictim, steps: [...stageVolume, ...stageImage, ...publishVolume] },
] as const;
const cases = killed.flatMap(({ victim, steps }, offset) =>
  sampleOf<Step>(steps, offset).map((step) => ({ victim, kind: victim.kind, step })),
);

describe.skipIf(!isHostRoot)('the number of a device that a pod has detached, after a kill,', () => {
  test.each(cases)('is not reused for $kind killed after "$step"', async ({ victim, step }) => {
    const { node, stoppable } = await startedNode();
    const tenant = await node.createPublished('tenant', volume_capability, image(SIZE));
    const pod = new PodDevice(node.directory, 'pod', tenant.target_path);
    pod.detach();
    const { capability: other } = victim;
    const volume_id = await node.create('victim', { volume_capabilities: [other], ...image(SIZE) });
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    const mount = async () => {
      await node.node.NodeStageVolume({ ...paths, volume_capability: other });
      await node.node.NodePublishVolume({ ...paths, volume_capability: other });
    };
    await stoppable.dieAt(step, mount);
    pod.detach();
    await stoppable.start();
    pod.detach();
    await mount();
    await expectApart(pod, node, paths, victim);
  });

  const ending: readonly Step[] = [...unpublishVolume, ...unstageVolume, ...unstageBlock];
  test.each(sampleOf(ending, 0))('is not reused for the next volume after "%s"', async (step) => {
    const { node, stoppable } = await startedNode();
    const tenant = await node.createPublished('tenant', volume_capability, image(SIZE));
    const pod = new PodDevice(node.directory, 'pod', tenant.target_path);
    await stoppable.dieAt(step, async () => {
      await node.node.NodeUnpublishVolume(tenant);
      await node.node.NodeUnstageVolume(tenant);
    });
    pod.detach();
    await stoppable.start();
    await expectApart(pod, node, await publishVictim(node, blockVictim), blockVictim);
  });
});

async function startedNode() {
  const stoppable = new StoppableNode(undefined);
  await stoppable.start();
  return { stoppable, node: stoppable.test };
}
