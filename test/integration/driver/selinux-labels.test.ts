import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem } from '../../support/image-node.ts';
import { ephemeral } from '../../support/inline-pod.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { labelOf } from '../../support/security-label.ts';
import { startedNode } from '../../support/test-node.ts';

const ofFirst = 'system_u:object_r:container_file_t:s0:c1,c2';
const ofSecond = 'system_u:object_r:container_file_t:s0:c3,c4';
/** As the kubelet sends it. */
const withContext = (context: string) => mountCapability('SINGLE_NODE_WRITER', [`context="${context}"`]);

// The kernel stores labels also where SELinux is off.
describe.skipIf(!isHostRoot)('the SELinux label of a pod', () => {
  test.each(['directory', 'subvolume'])('is given to all of a %s before the pod gets it', async (kind) => {
    const flags = kind === 'subvolume' ? [`--pool=disk=${btrfs()}/pool`] : [];
    const parameters: Record<string, string> = kind === 'subvolume' ? { pool: 'disk' } : {};
    const node = await startedNode({ flags });
    const volume_id = await node.create('a', { parameters });
    const use = async (context: string, work: (path: string) => void) => {
      const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
      const volume_capability = withContext(context);
      await node.node.NodeStageVolume({ ...paths, volume_capability });
      await node.node.NodePublishVolume({ ...paths, volume_capability });
      work(paths.target_path);
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
    };
    await use(ofFirst, (path) => {
      expect(labelOf(path)).toBe(ofFirst);
      mkdirSync(join(path, 'directory'));
      writeFileSync(join(path, 'directory', 'file'), '');
    });
    await use(ofSecond, (path) => {
      for (const name of ['', 'directory', 'directory/file'])
        expect(labelOf(join(path, name))).toBe(ofSecond);
    });
  });

  test('is given to an inline volume', async () => {
    const node = await startedNode();
    const target_path = node.newPath();
    await node.node.NodePublishVolume({
      volume_id: 'csi-inline',
      target_path,
      volume_context: ephemeral,
      volume_capability: withContext(ofFirst),
    });
    expect(labelOf(target_path)).toBe(ofFirst);
    await node.node.NodeUnpublishVolume({ volume_id: 'csi-inline', target_path });
  });

  test('changes nothing where no call has one', async () => {
    const node = await startedNode();
    const { target_path } = await node.createPublished('a');
    expect(labelOf(target_path)).toBeUndefined();
  });
});

test.each([
  [['context=nonsense'], 'must be an SELinux context'],
  [['context="a:b:c'], 'must be an SELinux context'],
  [['context=a:b:c', 'context=a:b:d'], 'is another SELinux context'],
])('the mount flags %j are refused', async (mount_flags, why) => {
  const node = await startedNode();
  const volume_capabilities = [fileSystem('', mount_flags)];
  await expectRefusal(node.create('a', { volume_capabilities }), 'INVALID_ARGUMENT', why);
});
