import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { btrfs } from '../../support/btrfs.ts';
import { expectClean, reflinkPool } from '../../support/copied-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import { expectInOrder, syncingWriter } from '../../support/syncing-writer.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import { thawAtEnd } from '../../support/thaw-mounts.ts';

const MIB = 1024 ** 2;
const SNAPSHOTS = 20;
const GROUPS = 10;
const sizes = { ext4: 64 * MIB, xfs: 300 * MIB, btrfs: 128 * MIB } as const;
/** Other content of a volume, so that copying takes longer than writing. */
const FILLER_BYTES = 16 * MIB;

/** A pool, and volumes in it. */
interface Kind {
  readonly name: string;
  /** Where the pool is not the default one, on the file system of /tmp, which shares no blocks. */
  readonly makePool?: () => string;
  /** The content of an image; undefined for directories. */
  readonly fsType?: ImageFileSystem;
}

const onBtrfs = () => reflinkPool('btrfs');
const onXfs = () => reflinkPool('xfs');
const images: Kind[] = [
  { name: 'an image with ext4 on XFS', makePool: onXfs, fsType: 'ext4' },
  { name: 'an image with XFS on btrfs', makePool: onBtrfs, fsType: 'xfs' },
  { name: 'an image with ext4 in a pool that shares no blocks', fsType: 'ext4' },
  { name: 'an image with XFS in a pool that shares no blocks', fsType: 'xfs' },
];
const subvolume: Kind = { name: 'a subvolume of btrfs', makePool: () => btrfs('qgroup', 2048 * MIB) };

/** A node with volumes of one kind. */
class Host {
  readonly node: TestNode;
  readonly poolPath: string;
  readonly capability: VolumeCapability;
  private readonly kind: Kind;
  private readonly poolName: string;

  constructor(node: TestNode, kind: Kind, pool: string | undefined) {
    this.node = node;
    this.kind = kind;
    this.poolPath = pool ?? node.pool;
    this.poolName = pool === undefined ? 'default' : 'other';
    this.capability = kind.fsType ? fileSystem(kind.fsType) : mountCapability();
  }

  create(name: string, snapshotId?: string): Promise<Published> {
    const { fsType } = this.kind;
    return this.node.createPublished(name, this.capability, {
      capacity_range: { required_bytes: sizes[fsType ?? 'ext4'] },
      parameters: { backend: fsType ? 'image' : 'auto', pool: this.poolName },
      ...(snapshotId === undefined
        ? {}
        : { volume_content_source: { snapshot: { snapshot_id: snapshotId } } }),
    });
  }

  /** Makes a volume whose copy takes a while if no blocks are shared. */
  async createFilled(name: string): Promise<Published> {
    const paths = await this.create(name);
    writeFileSync(join(paths.target_path, 'filler'), Buffer.alloc(FILLER_BYTES, 'filler'), { flush: true });
    return paths;
  }

  async remove(paths: Published): Promise<void> {
    await this.node.node.NodeUnpublishVolume(paths);
    await this.node.node.NodeUnstageVolume(paths);
    const { fsType } = this.kind;
    if (fsType) await expectClean(`${this.poolPath}/volumes/${paths.volume_id}/image`, fsType);
    await this.node.controller.DeleteVolume(paths);
  }
}

async function startHost(kind: Kind): Promise<Host> {
  const pool = kind.makePool?.();
  const node = await startedNode(pool === undefined ? {} : { flags: [`--pool=other=${pool}`] });
  return new Host(node, kind, pool);
}

describe.skipIf(!isHostRoot)('while a process writes and syncs', () => {
  test.each([subvolume, ...images])('in $name, each snapshot is of one instant', async (kind) => {
    const host = await startHost(kind);
    const { volume_id, target_path } = await host.createFilled('source');
    const writer = syncingWriter(target_path);
    thawAtEnd(host.poolPath);
    const snapshots: { readonly id: string; readonly syncedCount: number }[] = [];
    for (let index = 0; index < SNAPSHOTS; index++) {
      await writer.rounds(2);
      const syncedCount = writer.syncedCount();
      const request = { name: `snapshot-${index}`, source_volume_id: volume_id };
      const { snapshot } = await host.node.controller.CreateSnapshot(request);
      snapshots.push({ id: snapshot?.snapshot_id ?? '', syncedCount });
    }
    await writer.rounds(2);
    await writer.end();
    for (const { id, syncedCount } of snapshots) {
      const restored = await host.create(`of ${id}`, id);
      expectInOrder(restored.target_path, syncedCount);
      await host.remove(restored);
    }
  });
});

describe.skipIf(!isHostRoot)('while a process writes and syncs in one volume and then in another', () => {
  const kinds = images.filter(({ fsType }) => fsType === 'ext4');

  test.each(kinds)('in $name, every group of both is of one instant', async (kind) => {
    const host = await startHost(kind);
    // The volume that is written first is copied first, with time between the two, unless all are frozen together.
    const one = await host.create('one');
    const between = await host.createFilled('between');
    const two = await host.create('two');
    const source_volume_ids = [one, between, two].map(({ volume_id }) => volume_id);
    const writer = syncingWriter(one.target_path, { second: `${two.target_path}/second` });
    thawAtEnd(host.poolPath);
    const groups: { readonly first: string; readonly second: string; readonly syncedCount: number }[] = [];
    for (let index = 0; index < GROUPS; index++) {
      await writer.rounds(2);
      const syncedCount = writer.syncedCount();
      const request = { name: `group-${index}`, source_volume_ids };
      const { group_snapshot } = await host.node.groupController.CreateVolumeGroupSnapshot(request);
      const memberOf = ({ volume_id }: Published) =>
        group_snapshot?.snapshots?.find(({ source_volume_id }) => source_volume_id === volume_id)
          ?.snapshot_id ?? '';
      groups.push({ first: memberOf(one), second: memberOf(two), syncedCount });
    }
    await writer.rounds(2);
    await writer.end();
    for (const { first, second, syncedCount } of groups) {
      const restored = [await host.create(`of ${first}`, first), await host.create(`of ${second}`, second)];
      const [restoredOne, restoredTwo] = restored.map(({ target_path }) => target_path);
      expectInOrder(restoredOne ?? '', syncedCount, `${restoredTwo}/second`);
      for (const paths of restored) await host.remove(paths);
    }
  });
});
