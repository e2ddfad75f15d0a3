import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { listLoops } from '../../src/kernel/devices/loop-list.ts';
import type { Step } from '../../src/model/steps.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { CsiClient } from '../support/csi-client.ts';
import { type DriverProcess, type Exit, programs, startDriverProcess } from '../support/driver-process.ts';
import { eventually } from '../support/eventually.ts';
import { mountsBelow, newDirectory, removeWithMounts } from '../support/scratch.ts';

/** A kind of volume, and the steps at which the driver is killed while one lives. */
export interface Kind {
  readonly name: string;
  readonly capability: VolumeCapability;
  readonly parameters: Record<string, string>;
  readonly sizeBytes: number;
  /** The content of the volume's directory beside its record. */
  readonly content: string;
  readonly steps: readonly Step[];
  /** What a delete does with the volume. */
  readonly onDelete?: 'archive';
  /** Flags of the driver that it needs. */
  readonly flags?: readonly string[];
}

/** All calls of a volume's life, in order; the same calls serve as retries. */
export const life = [
  'create',
  'attach',
  'modify',
  'stage',
  'publish',
  'expand',
  'expandNode',
  'unpublish',
  'unstage',
  'detach',
  'delete',
] as const;

/** One node with its pool, its kubelet paths and a driver that is started again and again. */
export class LifeHost {
  private readonly directory = newDirectory();
  private readonly staging = join(this.directory, 'staging');
  private readonly target = join(this.directory, 'pod', 'target');
  private readonly stopFile = join(this.directory, 'stop');
  private driver: DriverProcess | undefined;
  private client: CsiClient | undefined;
  private readonly kind: Kind;
  private volumeId = '';
  private readonly retained: string[] = [];

  constructor(kind: Kind) {
    this.kind = kind;
    mkdirSync(this.staging);
    mkdirSync(join(this.directory, 'pod'));
  }

  /** Starts a driver that is not killed anywhere. */
  async start(): Promise<void> {
    const flags = [
      `--statedir=${this.pool()}`,
      '--status-socket=',
      `--endpoint=${join(this.directory, 's')}`,
      '--nodeid=node-1',
      '--enable-attach',
      '--enable-controller-modify-volume',
      ...(this.kind.flags ?? []),
    ];
    const program = [programs.stoppableDriver];
    rmSync(this.stopFile, { force: true });
    this.driver = await startDriverProcess(flags, { program, env: { STOP_FILE: this.stopFile } });
    this.client?.close();
    this.client = new CsiClient(this.driver.endpoint);
  }

  /** Has the driver killed when it comes to a step. */
  stopAt(step: Step): void {
    writeFileSync(this.stopFile, `kill ${step}`);
  }

  async expectKilled(error = ''): Promise<void> {
    expect(await this.driver?.exit, error).toEqual({ code: null, signal: 'SIGKILL' });
  }

  async stop(signal: NodeJS.Signals): Promise<Exit | undefined> {
    this.driver?.kill(signal);
    return this.driver?.exit;
  }

  /** Ends the driver and removes everything, whatever state it is in. */
  async dispose(): Promise<void> {
    this.client?.close();
    await this.stop('SIGKILL');
    await removeWithMounts(this.directory);
  }

  async call(call: (typeof life)[number]): Promise<void> {
    if (!this.client) throw new Error('no driver was started');
    const { controller, node } = this.client;
    const volume_id = this.volumeId;
    const { capability: volume_capability, parameters, sizeBytes } = this.kind;
    switch (call) {
      case 'create': {
        const { volume } = await controller.CreateVolume({
          name: 'a',
          capacity_range: { required_bytes: sizeBytes },
          volume_capabilities: [volume_capability],
          parameters,
        });
        this.volumeId = volume?.volume_id ?? '';
        return;
      }
      case 'attach':
        await controller.ControllerPublishVolume({ volume_id, node_id: 'node-1', volume_capability });
        return;
      case 'modify':
        await controller.ControllerModifyVolume({
          volume_id,
          mutable_parameters: { onDelete: this.kind.onDelete ?? 'delete' },
        });
        return;
      case 'stage':
        await node.NodeStageVolume({ volume_id, staging_target_path: this.staging, volume_capability });
        return;
      case 'publish': {
        const paths = { staging_target_path: this.staging, target_path: this.target };
        await node.NodePublishVolume({ volume_id, ...paths, volume_capability });
        return;
      }
      case 'expand': {
        const capacity_range = { required_bytes: 2 * sizeBytes };
        const { capacity_bytes } = await controller.ControllerExpandVolume({ volume_id, capacity_range });
        expect(capacity_bytes).toBe(String(2 * sizeBytes));
        return;
      }
      case 'expandNode':
        await node.NodeExpandVolume({ volume_id, volume_path: this.target });
        await this.expectGrown();
        return;
      case 'unpublish':
        await node.NodeUnpublishVolume({ volume_id, target_path: this.target });
        return;
      case 'unstage':
        await node.NodeUnstageVolume({ volume_id, staging_target_path: this.staging });
        return;
      case 'detach':
        await controller.ControllerUnpublishVolume({ volume_id, node_id: 'node-1' });
        return;
      case 'delete':
        await controller.DeleteVolume({ volume_id });
        return;
    }
  }

  /** Every listed volume is complete on disk, every volume on disk is listed, and nothing half-built is left. */
  async expectConsistent(): Promise<void> {
    const { entries = [] } = (await this.client?.controller.ListVolumes({})) ?? {};
    const listed = entries.map((entry) => entry.volume?.volume_id ?? '');
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual(listed);
    await eventually(() => expect(readdirSync(join(this.pool(), '.incoming'))).toEqual([]));
    for (const id of listed) {
      const directory = join(this.pool(), 'volumes', id);
      expect(readdirSync(directory).sort()).toEqual([this.kind.content, 'volume.json']);
      expect(JSON.parse(readFileSync(join(directory, 'volume.json'), 'utf8'))).toMatchObject({
        id,
        name: 'a',
      });
      if (this.kind.content === 'data') expect(lstatSync(join(directory, 'data')).mode & 0o7777).toBe(0o777);
    }
  }

  /** Pods see the current size of the volume. */
  private async expectGrown(): Promise<void> {
    const { usage = [] } =
      (await this.client?.node.NodeGetVolumeStats({ volume_id: this.volumeId, volume_path: this.target })) ??
      {};
    // A file system keeps part of its device for itself.
    expect(Number(usage[0]?.total)).toBeGreaterThan(this.kind.sizeBytes * 1.5);
  }

  async expectNothingLeft(): Promise<void> {
    expect((await listLoops()).filter((loop) => loop.backingPath.startsWith(this.directory))).toEqual([]);
    expect(await mountsBelow(this.directory)).toEqual([]);
    expect(existsSync(this.target)).toBe(false);
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual([]);
    if (this.kind.onDelete === 'archive') this.retained.push(this.volumeId);
    expect(readdirSync(join(this.pool(), 'retained')).sort()).toEqual([...this.retained].sort());
    for (const id of this.retained) {
      expect(readdirSync(join(this.pool(), 'retained', id)).sort()).toEqual([
        this.kind.content,
        'volume.json',
      ]);
    }
    await eventually(() => expect(readdirSync(join(this.pool(), '.outgoing'))).toEqual([]));
  }

  private pool(): string {
    return join(this.directory, 'pool');
  }
}
