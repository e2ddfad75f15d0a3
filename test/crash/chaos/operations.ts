import { mkdirSync } from 'node:fs';
import { expect } from 'vitest';
import type { VolumeContentSource } from '../../../src/rpc/generated/csi/v1/VolumeContentSource.ts';
import type { ChaosNode } from './chaos-node.ts';
import { write } from './content.ts';
import type { Kind } from './kinds.ts';
import type { Ledger, Snapshot, Volume } from './ledger.ts';

const MIB = 1024 ** 2;
const NODE_ID = 'node-1';

/** A call and what its acknowledgement means. It is repeated until it is acknowledged. */
export interface Operation {
  readonly name: string;
  /** The objects that may be gone while it is not acknowledged. */
  readonly removes?: readonly string[];
  /** Makes the call. @returns notes its acknowledgement */
  call(): Promise<() => void | Promise<void>>;
}

/** The calls that one client makes, and how each changes its ledger. */
export class Operations {
  private readonly node: ChaosNode;
  private readonly ledger: Ledger;

  constructor(node: ChaosNode, ledger: Ledger) {
    this.node = node;
    this.ledger = ledger;
  }

  create(name: string, kind: Kind): Operation {
    return this.creation('create', name, { kind, sizeBytes: kind.sizeBytes, marker: undefined });
  }

  restore(name: string, snapshot: Snapshot): Operation {
    return this.creation('restore', name, snapshot, { snapshot: { snapshot_id: snapshot.id } });
  }

  clone(name: string, volume: Volume): Operation {
    return this.creation('clone', name, volume, { volume: { volume_id: volume.id } });
  }

  private creation(
    what: string,
    name: string,
    { kind, sizeBytes, marker }: Pick<Volume, 'kind' | 'sizeBytes' | 'marker'>,
    volume_content_source: VolumeContentSource | null = null,
  ): Operation {
    const staging = this.node.test.newPath();
    mkdirSync(staging);
    const unused = { isRetained: false, isAttached: false, isStaged: false, isPublished: false };
    const rest = { kind, marker, ...unused, staging, target: this.node.test.newPath() };
    return {
      name: `${what} ${name}`,
      call: async () => {
        const { volume } = await this.node.test.controller.CreateVolume({
          name,
          capacity_range: { required_bytes: sizeBytes },
          volume_capabilities: [kind.capability],
          parameters: kind.parameters,
          volume_content_source,
        });
        const id = volume?.volume_id ?? '';
        return () =>
          void this.ledger.volumes.set(id, { id, sizeBytes: Number(volume?.capacity_bytes), ...rest });
      },
    };
  }

  delete(volume: Volume): Operation {
    const { id: volume_id, isRetained } = volume;
    return this.change(
      'delete',
      volume,
      [volume_id],
      () => this.node.test.controller.DeleteVolume({ volume_id }),
      () => {
        this.ledger.volumes.delete(volume_id);
        if (isRetained) this.ledger.retained.set(volume_id, volume);
      },
    );
  }

  modify(volume: Volume): Operation {
    const isRetained = !volume.isRetained;
    const mutable_parameters = { onDelete: isRetained ? 'retain' : 'delete' };
    const call = () =>
      this.node.test.controller.ControllerModifyVolume({ volume_id: volume.id, mutable_parameters });
    return this.change('modify', volume, [], call, () => {
      volume.isRetained = isRetained;
    });
  }

  attach(volume: Volume): Operation {
    const request = { volume_id: volume.id, node_id: NODE_ID, volume_capability: volume.kind.capability };
    return this.change(
      'attach',
      volume,
      [],
      () => this.node.test.controller.ControllerPublishVolume(request),
      () => {
        volume.isAttached = true;
      },
    );
  }

  detach(volume: Volume): Operation {
    const request = { volume_id: volume.id, node_id: NODE_ID };
    return this.change(
      'detach',
      volume,
      [],
      () => this.node.test.controller.ControllerUnpublishVolume(request),
      () => {
        volume.isAttached = false;
      },
    );
  }

  stage(volume: Volume): Operation {
    const request = { ...pathsOf(volume), volume_capability: volume.kind.capability };
    return this.change(
      'stage',
      volume,
      [],
      () => this.node.test.node.NodeStageVolume(request),
      () => {
        volume.isStaged = true;
      },
    );
  }

  unstage(volume: Volume): Operation {
    return this.change(
      'unstage',
      volume,
      [],
      () => this.node.test.node.NodeUnstageVolume(pathsOf(volume)),
      () => {
        volume.isStaged = false;
      },
    );
  }

  /** Publishes a volume, and then writes new content to it. */
  publish(volume: Volume, marker: string): Operation {
    const request = { ...pathsOf(volume), volume_capability: volume.kind.capability };
    return this.change(
      'publish',
      volume,
      [],
      () => this.node.test.node.NodePublishVolume(request),
      async () => {
        volume.isPublished = true;
        await write(volume, marker);
        volume.marker = marker;
      },
    );
  }

  unpublish(volume: Volume): Operation {
    return this.change(
      'unpublish',
      volume,
      [],
      () => this.node.test.node.NodeUnpublishVolume(pathsOf(volume)),
      () => {
        volume.isPublished = false;
      },
    );
  }

  expand(volume: Volume): Operation {
    const { id: volume_id, sizeBytes } = volume;
    const capacity_range = { required_bytes: sizeBytes + 4 * MIB };
    return {
      name: `expand ${volume_id}`,
      call: async () => {
        const reply = await this.node.test.controller.ControllerExpandVolume({ volume_id, capacity_range });
        return () => {
          volume.sizeBytes = Number(reply.capacity_bytes);
        };
      },
    };
  }

  /** What follows an expansion by the controller, and changes nothing that is recorded. */
  expandOnNode(volume: Volume): Operation {
    const { volume_id, target_path: volume_path } = pathsOf(volume);
    const call = () => this.node.test.node.NodeExpandVolume({ volume_id, volume_path });
    return this.change('expand on the node', volume, [], call, () => {});
  }

  snapshot(name: string, source: Volume): Operation {
    return {
      name: `snapshot ${name}`,
      call: async () => {
        const request = { name, source_volume_id: source.id };
        const { snapshot } = await this.node.test.controller.CreateSnapshot(request);
        expect(snapshot).toMatchObject({ source_volume_id: source.id, ready_to_use: true });
        return () => this.add(snapshot?.snapshot_id ?? '', source, undefined);
      },
    };
  }

  deleteSnapshot({ id: snapshot_id }: Snapshot): Operation {
    return {
      name: `delete snapshot ${snapshot_id}`,
      removes: [snapshot_id],
      call: async () => {
        await this.node.test.controller.DeleteSnapshot({ snapshot_id });
        return () => void this.ledger.snapshots.delete(snapshot_id);
      },
    };
  }

  group(name: string, sources: readonly Volume[]): Operation {
    return {
      name: `group ${name}`,
      call: async () => {
        const request = { name, source_volume_ids: sources.map(({ id }) => id) };
        const { group_snapshot } = await this.node.test.groupController.CreateVolumeGroupSnapshot(request);
        const { group_snapshot_id, snapshots = [] } = group_snapshot ?? {};
        expect(snapshots).toHaveLength(sources.length);
        return () => {
          for (const { snapshot_id, source_volume_id } of snapshots) {
            const source = sources.find(({ id }) => id === source_volume_id);
            if (!source) throw new Error(`group ${name} has a snapshot of ${source_volume_id}`);
            this.add(snapshot_id, source, group_snapshot_id);
          }
        };
      },
    };
  }

  deleteGroup(group_snapshot_id: string): Operation {
    const snapshot_ids = this.ledger.membersOf(group_snapshot_id).map(({ id }) => id);
    return {
      name: `delete group ${group_snapshot_id}`,
      removes: [group_snapshot_id, ...snapshot_ids],
      call: async () => {
        const request = { group_snapshot_id, snapshot_ids };
        await this.node.test.groupController.DeleteVolumeGroupSnapshot(request);
        return () => {
          for (const id of snapshot_ids) this.ledger.snapshots.delete(id);
        };
      },
    };
  }

  private add(
    id: string,
    { id: sourceId, kind, sizeBytes, marker }: Volume,
    groupId: string | undefined,
  ): void {
    this.ledger.snapshots.set(id, { id, kind, sourceId, sizeBytes, marker, groupId });
  }

  private change(
    what: string,
    { id }: Volume,
    removes: readonly string[],
    call: () => Promise<unknown>,
    note: () => void | Promise<void>,
  ): Operation {
    return {
      name: `${what} ${id}`,
      removes,
      call: async () => {
        await call();
        return note;
      },
    };
  }
}

function pathsOf({ id, staging, target }: Volume) {
  return { volume_id: id, staging_target_path: staging, target_path: target };
}
