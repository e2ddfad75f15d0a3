import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

function bind(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  execFileSync('mount', ['--bind', source, target]);
}

function tmpfsAt(path: string): string {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'other', path]);
  return path;
}

describe('a directory of a pod that has the same name as one of the driver', () => {
  test.each(['on the disk of the pool', 'on a disk of its own'])(
    'does not keep a volume from being deleted: %s',
    async (disk) => {
      const node = await startedNode();
      const volume_id = await node.create('a');
      const empty = join(node.directory, 'empty');
      if (disk === 'on a disk of its own') tmpfsAt(empty);
      const name = join(empty, 'pool', 'volumes', volume_id, 'data', 'sub');
      mkdirSync(name, { recursive: true });
      bind(name, join(node.directory, 'sub-path'));
      await node.restart();
      await node.controller.DeleteVolume({ volume_id });
      expect(existsSync(join(node.pool, 'volumes', volume_id))).toBe(false);
    },
  );
});

describe('a pool that is bound at another path', () => {
  test.each([
    ['the pool', (node: TestNode) => node.pool],
    ['a directory in it', (node: TestNode) => join(node.pool, 'volumes')],
    ['its parent directory', (node: TestNode) => node.directory],
  ])('also refuses mounts there: %s', async (_, sourceOf) => {
    const node = await startedNode();
    const paths = await node.createStaged('a');
    const source = sourceOf(node);
    const alias = join(node.newPath(), '..', 'alias');
    bind(source, alias);
    const inPool = source === node.directory ? join(alias, 'pool', 'volumes') : alias;
    const own = join(node.pool, source === node.pool ? 'mount' : 'volumes/mount');
    mkdirSync(own);
    const there = { ...paths, target_path: join(inPool, 'mount'), volume_capability };
    await expectRefusal(node.node.NodePublishVolume(there), 'INVALID_ARGUMENT', 'target_path');
    await expectRefusal(node.node.NodeUnpublishVolume(there), 'INVALID_ARGUMENT', 'target_path');
    const staging = { ...paths, staging_target_path: there.target_path, volume_capability };
    await expectRefusal(node.node.NodeStageVolume(staging), 'INVALID_ARGUMENT', 'staging_target_path');
    expect(existsSync(own)).toBe(true);
  });
});

describe('files and mounts of other programs', () => {
  test('are not unmounted, whatever volume is named', async () => {
    const node = await startedNode();
    const volume_id = await node.create('a');
    const path = tmpfsAt(join(node.directory, 'other'));
    writeFileSync(join(path, 'file'), 'content');
    for (const id of [volume_id, 'unknown']) {
      const paths = { volume_id: id, target_path: path, staging_target_path: path };
      await expectRefusal(
        node.node.NodeUnpublishVolume(paths),
        'FAILED_PRECONDITION',
        'does not belong to this driver',
      );
      await expectRefusal(
        node.node.NodeUnstageVolume(paths),
        'FAILED_PRECONDITION',
        'does not belong to this driver',
      );
    }
    expect(await mountsBelow(path)).toEqual([path]);
  });

  test('are not removed for an unknown volume', async () => {
    const node = await startedNode();
    const target_path = join(node.directory, 'empty');
    mkdirSync(target_path);
    await node.node.NodeUnpublishVolume({ volume_id: 'unknown', target_path });
    expect(existsSync(target_path)).toBe(true);
  });

  test('are not mounted over in a pod, where volumes are mounted for the kubelet alone', async () => {
    const kubelet = (node: TestNode) => join(node.directory, 'kubelet');
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    const node = await startedNode();
    const flags = [`--kubelet-dir=${kubelet(node)}`];
    await node.restart({ flags, env });
    const volume_id = await node.create('a');
    const outside = join(node.directory, 'etc');
    const inside = join(kubelet(node), 'plugins', 'a');
    for (const path of [outside, inside]) mkdirSync(path, { recursive: true });
    const stage = (staging_target_path: string) =>
      node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    await expectRefusal(stage(outside), 'INVALID_ARGUMENT', '--mount-dir');
    const unstaging = node.node.NodeUnstageVolume({ volume_id, staging_target_path: outside });
    await expectRefusal(unstaging, 'INVALID_ARGUMENT', '--mount-dir');
    await stage(inside);
    await node.restart({ flags: [...flags, `--mount-dir=${node.directory}`], env });
    await stage(outside);
    expect((await mountsBelow(node.directory)).sort()).toEqual([outside, inside].sort());
  });
});
