import { expect, test } from 'vitest';
import { outcomeOf } from '../../support/refusal.ts';
import { startedNode } from '../../support/test-node.ts';

const VOLUMES = 12;

test('stats of a volume that is being unpublished and deleted succeed or return NOT_FOUND', async () => {
  const node = await startedNode();
  const outcomes = new Set<string>();
  for (let count = 0; count < VOLUMES; count++) {
    const paths = await node.createPublished(`volume ${count}`);
    const { volume_id, target_path } = paths;
    let isGone = false;
    const askOnce = async () => {
      const outcome = await outcomeOf(node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path }));
      outcomes.add(outcome === 'OK' ? outcome : outcome.code);
    };
    const ask = async () => {
      while (!isGone) await askOnce();
    };
    const takeDown = async () => {
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
      await node.controller.DeleteVolume({ volume_id });
      isGone = true;
    };
    // The others may all be overtaken.
    await askOnce();
    await Promise.all([ask(), ask(), ask(), ask(), takeDown()]);
  }
  expect([...outcomes].sort()).toEqual(['NOT_FOUND', 'OK']);
});
