import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { mutationSteps } from '../../../src/model/steps.ts';
import { type Kind, LifeHost, life } from '../../crash/life-host.ts';
import { eventually } from '../../support/eventually.ts';
import { fileSystem, imageFile } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import {
  encrypted,
  expectNothingOpen,
  openContainers,
  publish,
  secrets,
  unpublish,
} from '../support/encrypted-volume.ts';

const MIB = 1024 ** 2;
const isAllSteps = process.env['CRASH_STEPS'] === 'all';
const { stageVolume, stageImage, stageBlock, expandImage, unstageVolume, unstageBlock } = mutationSteps;

const image: Omit<Kind, 'flags'> = {
  name: 'an encrypted image',
  capability: mountCapability(),
  parameters: { encryption: 'luks2' },
  sizeBytes: 64 * MIB,
  content: 'image',
  steps: [...stageVolume, ...stageImage, ...expandImage, ...unstageVolume],
};
const block: Omit<Kind, 'flags'> = {
  ...image,
  name: 'an encrypted block volume',
  capability: { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
  steps: ['stage: formatted', ...stageBlock, 'expand: device grown', ...unstageBlock],
};
const cases = [image, block].flatMap((kind) => kind.steps.map((step) => ({ kind, name: kind.name, step })));

// In `npm test` the same steps are killed of images that are not encrypted.
describe.skipIf(!isAllSteps).each(cases)('$name, killed after "$step"', ({ kind, step }) => {
  test('goes on when the calls are repeated, and leaves nothing open', async () => {
    const keyFile = join(scratchDirectory(), 'key');
    writeFileSync(keyFile, 'of the node');
    const host = new LifeHost({ ...kind, flags: [`--encryption-key-file=${keyFile}`] });
    try {
      await host.start();
      host.stopAt(step);
      for (const call of life) {
        try {
          // The kernel removes a device a moment after the unstage, and until then the volume is in use.
          await (call === 'delete' ? eventually(() => host.call(call)) : host.call(call));
        } catch (error) {
          expect(error).toMatchObject({ code: status.UNAVAILABLE });
          await host.expectKilled(String(error));
          await host.start();
          await host.expectConsistent();
          await host.call(call);
        }
      }
      await host.expectNothingLeft();
      expect(openContainers()).toEqual([]);
    } finally {
      await host.dispose();
    }
  });
});

test.each([
  ['while the container is made', (image: string) => existsSync(`${image}.new`)],
  ['while the file system in it is made', () => openContainers().length > 0],
])('a volume whose driver is killed %s is formatted by the next stage', async (_, hasCome) => {
  const node = await startedNode({ ownProcess: true });
  const volume_id = await node.create('a', encrypted(64 * MIB));
  const request = {
    volume_id,
    staging_target_path: node.newStaging(),
    volume_capability: fileSystem(),
    secrets,
  };
  let hasEnded = false;
  const staging = node.node
    .NodeStageVolume(request)
    .catch((error: unknown) => error)
    .finally(() => {
      hasEnded = true;
    });
  const isTime = () => hasEnded || hasCome(imageFile(node, volume_id));
  await eventually(() => expect(isTime()).toBe(true), { interval: 1 });
  expect(hasEnded).toBe(false);
  await node.stop('SIGKILL');
  await staging;
  await node.start({ ownProcess: true });
  await unpublish(node, await publishSoon(node, volume_id));
  await expectNothingOpen(node);
  expect(existsSync(`${imageFile(node, volume_id)}.new`)).toBe(false);
});

test('a container that a killed driver left open is closed by the unstage', async () => {
  const node = await startedNode();
  const volume_id = await node.create('a', encrypted(64 * MIB));
  await unpublish(node, await publish(node, { volume_id }));
  await expectNothingOpen(node);
  const loop = execFileSync('losetup', ['--find', '--show', imageFile(node, volume_id)], {
    encoding: 'utf8',
  }).trim();
  execFileSync('cryptsetup', ['open', '--key-file', '-', loop, `csi-${volume_id}`], {
    input: secrets.passphrase,
    env: { ...process.env, DM_DISABLE_UDEV: '1' },
  });
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path: node.newStaging() });
  await expectNothingOpen(node);
  await node.controller.DeleteVolume({ volume_id });
});

/** mkfs may outlive its driver for a moment, in which the device is in use. */
function publishSoon(node: TestNode, volume_id: string): Promise<Published> {
  return eventually(() => publish(node, { volume_id }));
}
