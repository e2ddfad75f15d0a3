import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { VolumeContentSource } from '../src/rpc/generated/csi/v1/VolumeContentSource.ts';
import { CsiClient } from '../test/support/csi-client.ts';
import { type DriverProcess, startDriverProcess } from '../test/support/driver-process.ts';
import type { Content } from './content.ts';
import type { Disk } from './disk.ts';

const volume_capability = { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
const VOLUME_BYTES = 2 * 1024 ** 3;

/** Where a volume is made, and as what. */
export interface Place {
  readonly disk: Disk;
  readonly backend: 'directory' | 'image';
}

/** The built driver in a process of its own, and what a CO would have it do. */
export class Driver {
  private readonly process: DriverProcess;
  private readonly client: CsiClient;
  private readonly directory: string;

  private constructor(process: DriverProcess, directory: string) {
    this.process = process;
    this.client = new CsiClient(process.endpoint);
    this.directory = directory;
  }

  /** Starts it with each disk as a pool. */
  static async start(directory: string, disks: readonly Disk[]): Promise<Driver> {
    const process = await startDriverProcess([
      `--statedir=${join(directory, 'state')}`,
      `--endpoint=${join(directory, 'socket')}`,
      '--nodeid=bench',
      ...disks.map(({ kind, path }) => `--pool=${kind}=${path}`),
    ]);
    return new Driver(process, directory);
  }

  async stop(): Promise<void> {
    this.client.close();
    this.process.kill('SIGTERM');
    await this.process.exit;
  }

  /** Makes a volume, empty or of something; all are of one size. @returns its id */
  async create({ disk, backend }: Place, source?: VolumeContentSource): Promise<string> {
    const { volume } = await this.client.controller.CreateVolume({
      name: randomUUID(),
      capacity_range: { required_bytes: VOLUME_BYTES },
      volume_capabilities: [volume_capability],
      parameters: { pool: disk.kind, backend },
      ...(source ? { volume_content_source: source } : {}),
    });
    if (!volume) throw new Error('CreateVolume was answered without a volume');
    return volume.volume_id;
  }

  /** Makes a snapshot. @returns its id */
  async snapshot(source_volume_id: string): Promise<string> {
    const request = { name: randomUUID(), source_volume_id };
    const { snapshot } = await this.client.controller.CreateSnapshot(request);
    if (!snapshot?.ready_to_use) throw new Error('CreateSnapshot was answered without a whole snapshot');
    return snapshot.snapshot_id;
  }

  async deleteVolume(volume_id: string): Promise<void> {
    await this.client.controller.DeleteVolume({ volume_id });
  }

  async deleteSnapshot(snapshot_id: string): Promise<void> {
    await this.client.controller.DeleteSnapshot({ snapshot_id });
  }

  /** Stages a volume. @returns where it shows */
  async stage(volume_id: string): Promise<string> {
    const staging_target_path = this.stagingOf(volume_id);
    mkdirSync(staging_target_path, { recursive: true });
    await this.client.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    return staging_target_path;
  }

  async unstage(volume_id: string): Promise<void> {
    await this.client.node.NodeUnstageVolume({ volume_id, staging_target_path: this.stagingOf(volume_id) });
  }

  /** Makes a volume that holds something and is not in use. @returns its id */
  async createWith(place: Place, content: Content): Promise<string> {
    const id = await this.create(place);
    await content.write(await this.stage(id));
    await this.unstage(id);
    return id;
  }

  private stagingOf(volumeId: string): string {
    return join(this.directory, 'staging', volumeId);
  }
}
