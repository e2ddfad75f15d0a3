import { expect, test } from 'vitest';
import { loopsOf } from '../../support/image-node.ts';
import {
  blockVictim,
  expectApart,
  fileSystemVictim,
  PodDevice,
  publishVictim,
} from '../../support/pod-device.ts';
import { startedNode } from '../../support/test-node.ts';

// The same test as on the host, on an older kernel.
test('a pod that detaches its block device cannot read or write other volumes', async () => {
  const node = await startedNode({ ownProcess: true });
  const { target_path } = await publishVictim(node, blockVictim);
  const pod = new PodDevice(node.directory, 'pod', target_path);
  await node.stop('SIGKILL');
  pod.detach();
  await node.start();
  expect(loopsOf(node)).toEqual([]);
  for (const [name, victim] of [
    ['block', blockVictim],
    ['file system', fileSystemVictim],
  ] as const) {
    await expectApart(pod, node, await publishVictim(node, victim, name), victim);
  }
});
