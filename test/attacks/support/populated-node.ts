import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { fromSnapshot, snapshotOf } from '../../support/copies.ts';
import type { TestDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, deleteWithRetries, fileSystem, image } from '../../support/image-node.ts';
import { inlineDirectory, kubeletOf, newPod, publishRequest } from '../../support/inline-pod.ts';
import { mountCapability } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

const IMAGE_BYTES = 16 * 1024 ** 2;
const BLOCK_TEXT_BYTES = 64;

/** An object of a node, with content of its own. */
export interface StoredObject {
  readonly name: string;
  readonly directory: string;
  /** What a caller gets: the driver's description, and the content. Rejects if a call is refused. */
  read(): Promise<{ readonly described: unknown; readonly content: string }>;
}

/** How the content of a kind of volume is written, and read. */
interface Access {
  readonly capability: VolumeCapability;
  write(path: string, text: string): void;
  read(path: string): string;
}

const files: Pick<Access, 'write' | 'read'> = {
  write: (path, text) => writeFileSync(join(path, 'file'), text),
  read: (path) => readFileSync(join(path, 'file'), 'utf8'),
};
const directory: Access = { ...files, capability: mountCapability() };
const ext4: Access = { ...files, capability: fileSystem('ext4') };
const block: Access = {
  capability: blockDevice(),
  write: (path, text) => withFile(path, 'r+', (fd) => writeSync(fd, text)),
  read: (path) =>
    withFile(path, 'r', (fd) => {
      const bytes = Buffer.alloc(BLOCK_TEXT_BYTES);
      readSync(fd, bytes);
      return bytes.toString('latin1').replace(/\0+$/, '');
    }),
};

function withFile<Result>(path: string, flags: string, use: (fd: number) => Result): Result {
  const fd = openSync(path, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** A node with one object of each kind, in two pools. Ordinary users have no images. */
export class PopulatedNode {
  readonly node = new TestNode();
  readonly otherPool = join(this.node.directory, 'other');
  readonly stateMarker = join(this.node.directory, 'marker', 'marker.json');
  readonly objects: StoredObject[] = [];
  private copyCount = 0;

  constructor() {
    // Nothing here depends on what reaches a disk, and each start would wait for one.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'none', this.node.directory]);
  }

  get flags(): string[] {
    return [
      `--pool=other=${this.otherPool}`,
      `--statedir-marker=${this.stateMarker}`,
      '--enable-controller-modify-volume',
      ...kubeletOf(this.node).flags,
    ];
  }

  start(): Promise<TestDriver> {
    return this.node.start({ flags: this.flags });
  }

  async populate(): Promise<void> {
    await this.start();
    const imageRequest = { ...image(IMAGE_BYTES), volume_capabilities: [ext4.capability] };
    const plain = await this.addVolume('directory', directory);
    await this.addVolume('elsewhere', directory, { parameters: { pool: 'other' } });
    await this.addSnapshot('snapshot', plain, directory);
    await this.addGroup(plain);
    await this.addInline();
    await this.addRetained();
    if (!isHostRoot) return;
    const withExt4 = await this.addVolume('image', ext4, imageRequest);
    await this.addVolume('block', block, { ...imageRequest, volume_capabilities: [block.capability] });
    await this.addSnapshot('image snapshot', withExt4, ext4);
  }

  private async addVolume(
    name: string,
    access: Access,
    changes: Partial<CreateVolumeRequest> = {},
  ): Promise<string> {
    const volume_id = await this.node.create(name, changes);
    await this.mounted(volume_id, access, (path) => access.write(path, `content of ${name}`));
    const pool = changes.parameters?.['pool'] === 'other' ? this.otherPool : this.node.pool;
    this.objects.push({
      name,
      directory: join(pool, 'volumes', volume_id),
      read: async () => ({
        described: await this.node.controller.ControllerGetVolume({ volume_id }),
        content: await this.mounted(volume_id, access, access.read),
      }),
    });
    return volume_id;
  }

  private async addSnapshot(name: string, volumeId: string, access: Access): Promise<void> {
    const { snapshot_id } = await snapshotOf(this.node, volumeId, name);
    this.objects.push({
      name,
      directory: join(this.node.pool, 'snapshots', snapshot_id),
      read: async () => ({
        described: await this.node.controller.GetSnapshot({ snapshot_id }),
        content: await this.restored(snapshot_id, access),
      }),
    });
  }

  private async addGroup(volumeId: string): Promise<void> {
    const { groupController } = this.node;
    const request = { name: 'group', source_volume_ids: [volumeId] };
    const { group_snapshot } = await groupController.CreateVolumeGroupSnapshot(request);
    const { group_snapshot_id = '', snapshots = [] } = group_snapshot ?? {};
    const snapshot_ids = snapshots.map(({ snapshot_id }) => snapshot_id);
    this.objects.push({
      name: 'group',
      directory: join(this.node.pool, 'groups', group_snapshot_id),
      read: async () => ({
        described: await this.node.groupController.GetVolumeGroupSnapshot({
          group_snapshot_id,
          snapshot_ids,
        }),
        content: await this.restored(snapshot_ids[0] ?? '', directory),
      }),
    });
  }

  /** Another pod is there, without which the driver would take the kubelet's disk for unmounted. */
  private async addInline(): Promise<void> {
    newPod(this.node, 'neighbour');
    const pod = newPod(this.node, 'pod');
    const publish = () => this.node.node.NodePublishVolume(publishRequest(pod));
    await publish();
    files.write(pod.target_path, 'content of inline');
    this.objects.push({
      name: 'inline',
      directory: inlineDirectory(this.node.pool, pod),
      read: async () => {
        await publish();
        const { volume_id } = pod;
        return {
          described: await this.node.controller.ControllerGetVolume({ volume_id }),
          content: files.read(pod.target_path),
        };
      },
    });
  }

  private async addRetained(): Promise<void> {
    const volume_id = await this.node.create('retained', { mutable_parameters: { onDelete: 'retain' } });
    await this.mounted(volume_id, directory, (path) => directory.write(path, 'content of retained'));
    await this.node.controller.DeleteVolume({ volume_id });
    const kept = join(this.node.pool, 'retained', volume_id);
    this.objects.push({
      name: 'retained',
      directory: kept,
      read: async () => ({ described: undefined, content: directory.read(join(kept, 'data')) }),
    });
  }

  private async mounted<Result>(
    volume_id: string,
    { capability: volume_capability }: Access,
    use: (path: string) => Result,
  ): Promise<Result> {
    const paths = {
      volume_id,
      staging_target_path: this.node.newStaging(),
      target_path: this.node.newPath(),
    };
    const { node } = this.node;
    try {
      await node.NodeStageVolume({ ...paths, volume_capability });
      await node.NodePublishVolume({ ...paths, volume_capability });
      return use(paths.target_path);
    } finally {
      await node.NodeUnpublishVolume(paths);
      await node.NodeUnstageVolume(paths);
    }
  }

  /** The content of a snapshot, from a volume that is restored from it. */
  private async restored(snapshotId: string, access: Access): Promise<string> {
    const volume_capabilities = [access.capability];
    const changes = { ...fromSnapshot(snapshotId), volume_capabilities };
    const volume_id = await this.node.create(`copy ${this.copyCount++}`, changes);
    try {
      return await this.mounted(volume_id, access, access.read);
    } finally {
      await deleteWithRetries(this.node, { volume_id });
    }
  }
}
