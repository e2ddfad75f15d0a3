import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileSystem, image, mountedAs } from '../support/image-node.ts';
import { expectRefusal } from '../support/refusal.ts';
import { labelOf } from '../support/security-label.ts';
import { startedNode, type TestNode } from '../support/test-node.ts';

const MIB = 1024 ** 2;
const ofFirst = 'system_u:object_r:container_file_t:s0:c1,c2';
const ofSecond = 'system_u:object_r:container_file_t:s0:c3,c4';

/** Publishes a volume as the kubelet does for a pod with this label, and looks at a file in it. */
async function labelSeen(node: TestNode, volume_id: string, context?: string, fsType = ''): Promise<unknown> {
  const flags = context === undefined ? [] : [`context="${context}"`];
  const volume_capability = fileSystem(fsType, flags);
  const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
  await node.node.NodeStageVolume({ ...paths, volume_capability });
  await node.node.NodePublishVolume({ ...paths, volume_capability });
  const file = join(paths.target_path, 'file');
  writeFileSync(file, 'data', { flag: 'a' });
  const seen = { file: labelOf(file), root: labelOf(paths.target_path) };
  const isOption = mountedAs(paths.target_path).options.some((option) => option.startsWith('context='));
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  return { ...seen, isOption };
}

test.each(['ext4', 'xfs'])(
  'an image with %s has the label of its pod, and none of it on the disk',
  async (fsType) => {
    const node = await startedNode();
    const volume_id = await node.create('a', {
      volume_capabilities: [fileSystem(fsType)],
      ...image(320 * MIB),
    });
    for (const context of [ofFirst, ofSecond])
      expect(await labelSeen(node, volume_id, context, fsType)).toEqual({
        file: context,
        root: context,
        isOption: true,
      });
    const without = await labelSeen(node, volume_id, undefined, fsType);
    expect(without).toMatchObject({ isOption: false });
    expect(JSON.stringify(without)).not.toContain('container_file_t');
  },
);

test('a directory has the label of its pod, then that of the next', async () => {
  const node = await startedNode();
  const volume_id = await node.create('a');
  expect(JSON.stringify(await labelSeen(node, volume_id))).not.toContain('container_file_t');
  for (const context of [ofFirst, ofSecond])
    expect(await labelSeen(node, volume_id, context)).toEqual({
      file: context,
      root: context,
      isOption: false,
    });
});

test('a label that the policy does not know is refused', async () => {
  const node = await startedNode();
  const volume_id = await node.create('a', image(64 * MIB));
  const context = 'system_u:object_r:nowhere_t:s0';
  await expectRefusal(labelSeen(node, volume_id, context), 'FAILED_PRECONDITION', 'cannot mount the volume');
});
