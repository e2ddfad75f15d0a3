import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { UnaryOptions } from '../../support/csi-client.ts';
import { fileSystem } from '../../support/image-node.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { TestNode } from '../../support/test-node.ts';
import { type Call, GROUP_MEMBER } from './calls.ts';
import { CAPACITY_MIB, MIB, type Reply } from './state.ts';

// As the capacity is overcommitted, the disk never limits it.
const OVERCOMMIT = 64;
const flags = [
  `--capacity=default=${(CAPACITY_MIB * MIB) / OVERCOMMIT}`,
  `--overcommit=${OVERCOMMIT}`,
  '--enable-controller-modify-volume',
];
const volume_capability = fileSystem();

/** How the driver is called: calls become requests, and replies what the model knows of them. */
export class ModelDriver {
  private readonly node = new TestNode();
  /** The last id of each name. */
  private readonly ids = new Map<string, string>();

  static async start(): Promise<ModelDriver> {
    const driver = new ModelDriver();
    for (const name of ['staging-1', 'staging-2']) mkdirSync(driver.pathOf(name));
    await driver.node.start({ flags });
    return driver;
  }

  async restart(): Promise<void> {
    await this.node.restart({ flags });
  }

  dispose(): Promise<void> {
    return this.node.dispose();
  }

  /** The paths where something is mounted. */
  async mountedPaths(): Promise<string[]> {
    return (await mountsBelow(this.node.directory))
      .map((path) => path.slice(this.node.directory.length + 1))
      .sort();
  }

  /** A call with the ids of the objects that it names. */
  resolve(call: Call): Call {
    const resolved: Record<string, unknown> = { ...call };
    for (const field of ['volume', 'snapshot', 'group'] as const) {
      if (field in call) resolved[field] = this.idOf(String(resolved[field]));
    }
    if ('volumes' in call) resolved['volumes'] = call.volumes.map((name) => this.idOf(name));
    if ('members' in call) resolved['members'] = [this.idOf(GROUP_MEMBER), this.idOf('g/1')].filter(isKnown);
    return resolved as Call;
  }

  /** Makes a resolved call. @returns its reply, or the code that says that there is none */
  async call(call: Call, options: UnaryOptions = {}): Promise<Reply> {
    let reply: Omit<Reply, 'code'> = {};
    const outcome = await outcomeOf(
      this.request(call, options).then((value) => {
        reply = value;
      }),
    );
    if (outcome !== 'OK') return { code: outcome.code };
    this.learn(call, reply);
    return { code: 'OK', ...reply };
  }

  private learn(call: Call, { value, members }: Omit<Reply, 'code'>): void {
    const { id } = (value ?? {}) as { id?: string };
    if (id !== undefined && 'name' in call) this.ids.set(call.name, id);
    if (!members) return;
    this.ids.delete('g/1');
    for (const [index, member] of Object.values(members).entries()) this.ids.set(`g/${index}`, member);
  }

  private idOf(name: string): string {
    return this.ids.get(name) ?? `unknown-${name}`;
  }

  private pathOf(name: string): string {
    return join(this.node.directory, name);
  }

  private async request(call: Call, options: UnaryOptions): Promise<Omit<Reply, 'code'>> {
    const { controller, groupController, node } = this.node;
    switch (call.rpc) {
      case 'CreateVolume': {
        const required_bytes = call.mib * MIB;
        return this.create(
          call.name,
          { parameters: { backend: call.backend }, capacity_range: { required_bytes } },
          options,
        );
      }
      case 'Restore':
        return this.create(
          call.name,
          { volume_content_source: { snapshot: { snapshot_id: call.snapshot } } },
          options,
        );
      case 'Clone':
        return this.create(
          call.name,
          { volume_content_source: { volume: { volume_id: call.volume } } },
          options,
        );
      case 'DeleteVolume':
        await controller.DeleteVolume({ volume_id: call.volume }, options);
        return {};
      case 'GetVolume': {
        const { volume } = await controller.ControllerGetVolume({ volume_id: call.volume }, options);
        return { value: { bytes: Number(volume?.capacity_bytes) } };
      }
      case 'Validate': {
        const request = { volume_id: call.volume, volume_capabilities: [volume_capability] };
        await controller.ValidateVolumeCapabilities(request, options);
        return {};
      }
      case 'Expand': {
        const request = { volume_id: call.volume, capacity_range: { required_bytes: call.mib * MIB } };
        const { capacity_bytes } = await controller.ControllerExpandVolume(request, options);
        return { value: { bytes: Number(capacity_bytes) } };
      }
      case 'Modify': {
        const request = { volume_id: call.volume, mutable_parameters: { onDelete: call.onDelete } };
        await controller.ControllerModifyVolume(request, options);
        return {};
      }
      case 'CreateSnapshot': {
        const { name, volume: source_volume_id } = call;
        const { snapshot } = await controller.CreateSnapshot({ name, source_volume_id }, options);
        return { value: { id: snapshot?.snapshot_id } };
      }
      case 'DeleteSnapshot':
        await controller.DeleteSnapshot({ snapshot_id: call.snapshot }, options);
        return {};
      case 'GetSnapshot':
        await controller.GetSnapshot({ snapshot_id: call.snapshot }, options);
        return {};
      case 'CreateGroup': {
        const request = { name: call.name, source_volume_ids: [...call.volumes] };
        const { group_snapshot } = await groupController.CreateVolumeGroupSnapshot(request, options);
        const members = (group_snapshot?.snapshots ?? []).map((each) => [
          each.source_volume_id,
          each.snapshot_id,
        ]);
        return { value: { id: group_snapshot?.group_snapshot_id }, members: Object.fromEntries(members) };
      }
      case 'DeleteGroup': {
        const request = { group_snapshot_id: call.group, snapshot_ids: [...call.members] };
        await groupController.DeleteVolumeGroupSnapshot(request, options);
        return {};
      }
      case 'GetGroup': {
        const request = { group_snapshot_id: call.group, snapshot_ids: [...call.members] };
        await groupController.GetVolumeGroupSnapshot(request, options);
        return {};
      }
      case 'Stage': {
        const request = {
          volume_id: call.volume,
          staging_target_path: this.pathOf(call.staging),
          volume_capability,
        };
        await node.NodeStageVolume(request, options);
        return {};
      }
      case 'Unstage': {
        const request = { volume_id: call.volume, staging_target_path: this.pathOf(call.staging) };
        await node.NodeUnstageVolume(request, options);
        return {};
      }
      case 'Publish': {
        const paths = {
          staging_target_path: this.pathOf(call.staging),
          target_path: this.pathOf(call.target),
        };
        const request = { volume_id: call.volume, ...paths, volume_capability, readonly: call.readonly };
        await node.NodePublishVolume(request, options);
        return {};
      }
      case 'Unpublish': {
        const request = { volume_id: call.volume, target_path: this.pathOf(call.target) };
        await node.NodeUnpublishVolume(request, options);
        return {};
      }
      case 'Stats':
        await node.NodeGetVolumeStats(
          { volume_id: call.volume, volume_path: this.pathOf(call.path) },
          options,
        );
        return {};
      case 'NodeExpand':
        await node.NodeExpandVolume({ volume_id: call.volume, volume_path: this.pathOf(call.path) }, options);
        return {};
      case 'ListVolumes': {
        const { entries } = await controller.ListVolumes({}, options);
        return { value: entries.map(({ volume }) => [volume?.volume_id, Number(volume?.capacity_bytes)]) };
      }
      case 'ListSnapshots': {
        const { entries } = await controller.ListSnapshots({}, options);
        return { value: entries.map(({ snapshot }) => snapshot?.snapshot_id) };
      }
      case 'GetCapacity':
        return { value: Number((await controller.GetCapacity({}, options)).available_capacity) };
    }
  }

  private async create(
    name: string,
    request: Partial<CreateVolumeRequest>,
    options: UnaryOptions,
  ): Promise<Omit<Reply, 'code'>> {
    const volume_capabilities = [volume_capability];
    const { volume } = await this.node.controller.CreateVolume(
      { name, volume_capabilities, ...request },
      options,
    );
    return { value: { id: volume?.volume_id, bytes: Number(volume?.capacity_bytes) } };
  }
}

function isKnown(id: string): boolean {
  return !id.startsWith('unknown-');
}

/** The codes of calls that may have been executed or not. */
export const NO_REPLY: readonly string[] = [
  status[status.DEADLINE_EXCEEDED],
  status[status.CANCELLED],
  status[status.UNAVAILABLE],
];
