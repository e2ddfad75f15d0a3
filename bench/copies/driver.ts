import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CsiClient } from '../../test/support/csi-client.ts';
import type { Bench, DriverUnderTest } from '../bench.ts';
import type { Target } from '../processes/client.ts';
import type { Content } from './content.ts';
import type { Disk } from './disk.ts';

const POLL_INTERVAL_MS = 5;

const capabilities = {
  mount: { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
  block: { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
} as const;

/** Where a volume is made, and as what. */
export interface Place {
  readonly disk: Disk;
  readonly backend: 'directory' | 'image';
}

/** A driver with a disk as its pool, and a client that fills volumes. What is measured is called by `bench/client`. */
export class CopyDriver {
  private readonly driver: DriverUnderTest;
  private readonly client: CsiClient;

  private constructor(driver: DriverUnderTest) {
    this.driver = driver;
    this.client = new CsiClient(driver.endpoint);
  }

  /** Starts it with a disk as a pool. */
  static async start(bench: Bench, { kind, path }: Disk): Promise<CopyDriver> {
    const driverFlags = [`--pool=${kind}=${path}`, '--enable-snapshot-metadata'];
    return new CopyDriver(await bench.startDriver(undefined, { driverFlags, sharesMounts: true }));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.driver.server.stop();
  }

  /** Makes it copy an empty volume until V8 has compiled its code, as in one that has run for a while. */
  async warmUp(bench: Bench, place: Place): Promise<void> {
    const load = { calls: bench.amount(100, 40), warmUp: 0, concurrency: 1 };
    await bench.client.run(this.at(place), 'copies', load);
    await untilRemoved(place.disk);
  }

  /** The driver for `bench/client`, which makes its volumes in a place. */
  at({ disk, backend }: Place): Target {
    return { ...this.driver, parameters: { pool: disk.kind, backend } };
  }

  /** Makes an empty volume. @returns its id */
  async create(
    { disk, backend }: Place,
    bytes: number,
    access: 'mount' | 'block' = 'mount',
  ): Promise<string> {
    const { volume } = await this.client.controller.CreateVolume({
      name: randomUUID(),
      capacity_range: { required_bytes: bytes },
      volume_capabilities: [capabilities[access]],
      parameters: { pool: disk.kind, backend },
    });
    if (!volume) throw new Error('CreateVolume was answered without a volume');
    return volume.volume_id;
  }

  /** Makes a volume that holds something and is not in use. @returns its id */
  async createWith(place: Place, bytes: number, content: Content): Promise<string> {
    const id = await this.create(place, bytes);
    await content.write(await this.stage(id));
    await this.unstage(id);
    return id;
  }

  /** Stages a volume. @returns where it shows */
  async stage(volume_id: string): Promise<string> {
    const staging_target_path = this.stagingOf(volume_id);
    mkdirSync(staging_target_path, { recursive: true });
    const volume_capability = capabilities.mount;
    await this.client.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    return staging_target_path;
  }

  async unstage(volume_id: string): Promise<void> {
    await this.client.node.NodeUnstageVolume({ volume_id, staging_target_path: this.stagingOf(volume_id) });
  }

  /** Takes a snapshot. @returns its id */
  async snapshot(source_volume_id: string): Promise<string> {
    const request = { name: randomUUID(), source_volume_id };
    const { snapshot } = await this.client.controller.CreateSnapshot(request);
    if (!snapshot?.ready_to_use) throw new Error('CreateSnapshot was answered without a whole snapshot');
    return snapshot.snapshot_id;
  }

  async deleteSnapshot(snapshot_id: string): Promise<void> {
    await this.client.controller.DeleteSnapshot({ snapshot_id });
  }

  async deleteVolume(volume_id: string): Promise<void> {
    await this.client.controller.DeleteVolume({ volume_id });
  }

  /** Reads which blocks of a snapshot differ from those of another. @returns their number */
  async countChanges(base_snapshot_id: string, target_snapshot_id: string): Promise<number> {
    let count = 0;
    for await (const { block_metadata } of this.client.snapshotMetadata.GetMetadataDelta({
      base_snapshot_id,
      target_snapshot_id,
    })) {
      count += block_metadata.length;
    }
    return count;
  }

  private stagingOf(volumeId: string): string {
    return join(this.driver.workDirectory, volumeId);
  }
}

/** Where the volume is that has an id. */
export function directoryOf({ disk }: Place, id: string): string {
  return join(disk.path, 'volumes', id);
}

/** Waits until the driver has removed the content of all that was deleted. */
export async function untilRemoved(disk: Disk): Promise<void> {
  while (readdirSync(join(disk.path, '.outgoing')).length > 0) await setTimeout(POLL_INTERVAL_MS);
}

/** Runs something. @returns how many milliseconds it took */
export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
