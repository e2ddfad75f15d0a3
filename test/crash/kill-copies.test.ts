import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Step } from '../../src/model/steps.ts';
import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { Snapshot__Output as Snapshot } from '../../src/rpc/generated/csi/v1/Snapshot.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import type { VolumeContentSource } from '../../src/rpc/generated/csi/v1/VolumeContentSource.ts';
import { btrfs, expectNoQgroups } from '../support/btrfs.ts';
import { reflinkPool } from '../support/copied-image.ts';
import { isHostRoot } from '../support/host-root.ts';
import { blockDevice, fileSystem } from '../support/image-node.ts';
import { mountCapability } from '../support/requests.ts';
import type { Published } from '../support/test-node.ts';
import { stepsOfCopies } from './copy-steps.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const MIB = 1024 ** 2;
/** How much of a volume's content is written. */
const TEXT_BYTES = 200;
// How long background work may take before the test fails; no test waits longer than the work takes.
const { createSnapshot, deleteSnapshot, createVolume, createGroup, deleteGroup, freeze } = stepsOfCopies;

interface Kind {
  readonly name: string;
  /** Makes the pool, unless it is the default one, which is on the file system of /tmp. */
  readonly makePool?: () => string;
  readonly capability: VolumeCapability;
  readonly parameters?: Record<string, string>;
  readonly sizeBytes: number;
  /** The content of an object's directory beside its record. */
  readonly content: 'data' | 'image';
  /** Whether its volumes are mounted while they are copied alone, and in a group. */
  readonly isMounted: { readonly alone: boolean; readonly inGroup: boolean };
  /** Whether a mounted volume is frozen while it is copied alone; in a group it always is. */
  readonly isFrozenAlone?: boolean;
}

const directory: Kind = {
  name: 'directories',
  capability: mountCapability(),
  parameters: { backend: 'directory' },
  sizeBytes: MIB,
  content: 'data',
  isMounted: { alone: true, inGroup: false },
};
const image: Kind = {
  name: 'images in a pool that shares no blocks',
  capability: fileSystem('ext4'),
  parameters: { backend: 'image' },
  sizeBytes: 16 * MIB,
  content: 'image',
  isMounted: { alone: true, inGroup: true },
  isFrozenAlone: true,
};
const sharedImage: Kind = {
  name: 'images on XFS',
  makePool: reflinkPool,
  capability: fileSystem('xfs'),
  parameters: { backend: 'image' },
  sizeBytes: 300 * MIB,
  content: 'image',
  isMounted: { alone: true, inGroup: true },
};
const subvolume: Kind = {
  name: 'subvolumes of btrfs',
  makePool: () => btrfs('qgroup', 1024 * MIB),
  capability: mountCapability(),
  sizeBytes: 16 * MIB,
  content: 'data',
  isMounted: { alone: true, inGroup: false },
};
const block: Kind = {
  name: 'block volumes',
  capability: blockDevice(),
  sizeBytes: MIB,
  content: 'image',
  isMounted: { alone: false, inGroup: false },
};
const kinds = isHostRoot ? [directory, image, sharedImage, subvolume, block] : [directory];

describe.each(kinds)('of $name, with the driver killed at each step,', (kind) => {
  const sample = (steps: readonly Step[]) => sampleOf(steps, kinds.indexOf(kind));

  test('a snapshot is made or deleted exactly once, completely or not at all', async () => {
    const host = await startHost(kind);
    const source = await host.createSource('source', kind.isMounted.alone);
    const steps = sample([...createSnapshot, ...(kind.isFrozenAlone ? freeze : [])]);
    for (const [index, step] of steps.entries()) {
      host.write(source, `before ${step}`);
      const request = { name: `s${index}`, source_volume_id: source.volume_id };
      const call = () => host.node.test.controller.CreateSnapshot(request);
      await host.dieAt(step, call);
      const { snapshot } = await call();
      const snapshots = await host.snapshots();
      expect(snapshots.filter(({ snapshot_id }) => isNamed(snapshot_id, request.name))).toEqual([snapshot]);
      host.write(source, 'after');
      const origin = { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } };
      await host.expectContent(`r${index}`, origin, `before ${step}`);
    }
    for (const step of sample(deleteSnapshot)) {
      const snapshot_id = (await host.snapshots())[0]?.snapshot_id ?? '';
      const call = () => host.node.test.controller.DeleteSnapshot({ snapshot_id });
      await host.dieAt(step, call);
      await call();
      expect((await host.snapshots()).map((snapshot) => snapshot.snapshot_id)).not.toContain(snapshot_id);
    }
    await host.end();
  });

  test.each(['a snapshot', 'another volume'])(
    'a volume is made from %s exactly once, completely or not at all',
    async (of) => {
      const host = await startHost(kind);
      const source = await host.createSource('source', kind.isMounted.alone);
      host.write(source, 'content');
      const origin =
        of === 'a snapshot' ? await host.snapshotOf(source) : { volume: { volume_id: source.volume_id } };
      for (const [index, step] of sample(createVolume).entries()) {
        const name = `v${index}`;
        await host.dieAt(step, () => host.restore(name, origin));
        await host.expectContent(name, origin, 'content');
      }
      await host.end();
    },
  );

  test('a group of snapshots is made or deleted exactly once, completely or not at all', async () => {
    const host = await startHost(kind);
    const sources = [];
    for (const name of ['one', 'two']) sources.push(await host.createSource(name, kind.isMounted.inGroup));
    const source_volume_ids = sources.map(({ volume_id }) => volume_id);
    const steps = sample([...createGroup, ...(kind.isMounted.inGroup ? freeze : [])]);
    for (const [index, step] of steps.entries()) {
      for (const source of sources) host.write(source, `${source.volume_id} before ${step}`);
      const call = () =>
        host.node.test.groupController.CreateVolumeGroupSnapshot({ name: `g${index}`, source_volume_ids });
      await host.dieAt(step, call);
      const { group_snapshot: group } = await call();
      const groupId = group?.group_snapshot_id ?? '';
      expect(host.groupIds().filter((id) => isNamed(id, `g${index}`))).toEqual([groupId]);
      const members = (await host.snapshots()).filter(
        ({ group_snapshot_id }) => group_snapshot_id === groupId,
      );
      expect(members.map(({ source_volume_id }) => source_volume_id).sort()).toEqual(
        [...source_volume_ids].sort(),
      );
      for (const source of sources) host.write(source, 'after');
      for (const [number, { snapshot_id, source_volume_id }] of members.entries()) {
        const content = `${source_volume_id} before ${step}`;
        await host.expectContent(`r${index}-${number}`, { snapshot: { snapshot_id } }, content);
      }
    }
    for (const step of sample(deleteGroup)) {
      const [group_snapshot_id = ''] = host.groupIds();
      const snapshot_ids = await host.memberIds(group_snapshot_id);
      const request = { group_snapshot_id, snapshot_ids };
      const call = () => host.node.test.groupController.DeleteVolumeGroupSnapshot(request);
      await host.dieAt(step, call);
      await call();
      expect(host.groupIds()).not.toContain(group_snapshot_id);
      const members = (await host.snapshots()).filter((each) => each.group_snapshot_id === group_snapshot_id);
      expect(members).toEqual([]);
    }
    await host.end();
  });
});

async function startHost(kind: Kind): Promise<Host> {
  const node = new StoppableNode(kind.makePool?.());
  await node.start();
  return new Host(node, kind);
}

/** Whether an id belongs to an object with this name, which has no dash. */
function isNamed(id: string, name: string): boolean {
  return id.startsWith(`${name}-`);
}

/** A node with volumes of one kind, and copies of them. */
class Host {
  readonly node: StoppableNode;
  private readonly kind: Kind;
  private readonly sources: { readonly paths: Published; readonly isMounted: boolean }[] = [];

  constructor(node: StoppableNode, kind: Kind) {
    this.node = node;
    this.kind = kind;
  }

  async createSource(name: string, isMounted: boolean): Promise<Published> {
    const { test: node } = this.node;
    const paths = isMounted
      ? await node.createPublished(name, this.kind.capability, this.request())
      : { volume_id: await node.create(name, this.request()), staging_target_path: '', target_path: '' };
    this.sources.push({ paths, isMounted });
    return paths;
  }

  /** Writes the content of a volume, through its mount or directly in the pool. */
  write({ volume_id, target_path }: Published, text: string): void {
    const fd = openSync(this.contentPath(volume_id, target_path), constants.O_WRONLY | constants.O_CREAT);
    writeSync(fd, text.padEnd(TEXT_BYTES));
    closeSync(fd);
  }

  async restore(name: string, volume_content_source: VolumeContentSource): Promise<string> {
    return this.node.test.create(name, { ...this.request(), volume_content_source });
  }

  /** Makes a volume from a source, checks that there is exactly one and its content, and deletes it. */
  async expectContent(name: string, origin: VolumeContentSource, text: string): Promise<void> {
    const { test: node } = this.node;
    const { capability: volume_capability } = this.kind;
    const volume_id = await this.restore(name, origin);
    expect((await this.volumeIds()).filter((id) => isNamed(id, name))).toEqual([volume_id]);
    const staging_target_path = node.newStaging();
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    const path = volume_capability.block ? '' : staging_target_path;
    expect(readFileSync(this.contentPath(volume_id, path), 'utf8').slice(0, TEXT_BYTES)).toBe(
      text.padEnd(TEXT_BYTES),
    );
    await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
    await node.controller.DeleteVolume({ volume_id });
  }

  async snapshotOf({ volume_id }: Published): Promise<VolumeContentSource> {
    const request = { name: 'snapshot', source_volume_id: volume_id };
    const { snapshot } = await this.node.test.controller.CreateSnapshot(request);
    return { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } };
  }

  async dieAt(step: Step, call: () => Promise<unknown>): Promise<void> {
    await this.node.dieAt(step, call);
    await this.node.start();
    await this.expectConsistent();
  }

  async snapshots(): Promise<Snapshot[]> {
    const { entries } = await this.node.test.controller.ListSnapshots({});
    return (entries ?? []).flatMap(({ snapshot }) => snapshot ?? []);
  }

  async memberIds(groupId: string): Promise<string[]> {
    const members = (await this.snapshots()).filter((each) => each.group_snapshot_id === groupId);
    return members.map(({ snapshot_id }) => snapshot_id ?? '');
  }

  groupIds(): string[] {
    return readdirSync(join(this.node.pool, 'groups'));
  }

  /** Deletes everything, and expects nothing to be left. */
  async end(): Promise<void> {
    const { controller, groupController, node } = this.node.test;
    for (const { paths, isMounted } of this.sources) {
      if (!isMounted) continue;
      await node.NodeUnpublishVolume(paths);
      await node.NodeUnstageVolume(paths);
    }
    for (const volume_id of await this.volumeIds()) await controller.DeleteVolume({ volume_id });
    for (const group_snapshot_id of this.groupIds()) {
      const snapshot_ids = await this.memberIds(group_snapshot_id);
      await groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids });
    }
    for (const { snapshot_id } of await this.snapshots()) await controller.DeleteSnapshot({ snapshot_id });
    await this.node.expectNothingLeft();
    if (this.kind === subvolume) await expectNoQgroups(this.node.pool);
  }

  /** Every listed object is complete on disk, every object on disk is listed, and nothing half-built is left. */
  private async expectConsistent(): Promise<void> {
    await this.node.expectTidy();
    const inPool = (...names: string[]) => readdirSync(join(this.node.pool, ...names)).sort();
    const { content } = this.kind;
    expect(inPool('volumes')).toEqual(await this.volumeIds());
    for (const id of inPool('volumes')) expect(inPool('volumes', id)).toEqual([content, 'volume.json']);
    const snapshots = await this.snapshots();
    const alone = snapshots.filter(({ group_snapshot_id }) => group_snapshot_id === '');
    expect(inPool('snapshots')).toEqual(alone.map(({ snapshot_id }) => snapshot_id));
    for (const { snapshot_id } of alone) {
      expect(inPool('snapshots', snapshot_id)).toEqual([content, 'snapshot.json']);
    }
    for (const groupId of this.groupIds()) {
      const members = snapshots.filter(({ group_snapshot_id }) => group_snapshot_id === groupId);
      const ids = members.map(({ snapshot_id }) => snapshot_id);
      expect(inPool('groups', groupId)).toEqual([...ids, 'group.json'].sort());
      for (const id of ids) expect(inPool('groups', groupId, id)).toEqual([content]);
    }
  }

  private async volumeIds(): Promise<string[]> {
    const { entries } = await this.node.test.controller.ListVolumes({});
    return (entries ?? []).flatMap(({ volume }) => volume?.volume_id ?? []).sort();
  }

  /** Where the content is: below a mount, or in the pool if the volume is not mounted. */
  private contentPath(volumeId: string, mountedAt: string): string {
    if (mountedAt !== '') return join(mountedAt, 'file');
    const content = join(this.node.pool, 'volumes', volumeId, this.kind.content);
    return this.kind.content === 'data' ? join(content, 'file') : content;
  }

  private request(): Partial<CreateVolumeRequest> {
    const { capability, parameters, sizeBytes } = this.kind;
    return {
      capacity_range: { required_bytes: sizeBytes },
      volume_capabilities: [capability],
      parameters: { ...parameters, pool: this.node.poolName },
    };
  }
}
