import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Heap } from '../../bench/processes/heap.ts';
import { Server } from '../../bench/processes/server.ts';
import { inProject } from '../../scripts/lib/project.mjs';
import { CsiClient } from '../support/csi-client.ts';
import { eventually } from '../support/eventually.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem } from '../support/image-node.ts';
import { createRequest, mountCapability } from '../support/requests.ts';
import { loopsBelow, mountsBelow, newDirectory, removeWithMounts } from '../support/scratch.ts';

const MIB = 1024 ** 2;
const lifeCount = Number(process.env['SOAK_LIVES'] ?? 100_000);
/** After these, everything that is loaded or opened once has been. */
const FIRST_LIVES = 1000;
/** How often the usage is printed on the way. */
const PARTS = 9;
const CLIENTS = 16;
/** Every so many lives one is of an image, and has a snapshot. */
const IMAGE_EVERY = 50;
const MAX_GROWTH_OF_OBJECTS = 1.02;
const MAX_LATE_WORKERS = 4;
const DESCRIPTORS_OF_WORKER = 4;
const TIMEOUT_MS = 12 * 60 * 60_000;

test(
  `after ${lifeCount} lives the driver has no more memory, descriptors, threads, mounts and devices than after ${FIRST_LIVES}`,
  async () => {
    const node = await startNode();
    await node.live(FIRST_LIVES);
    const first = await node.atRest();
    report(FIRST_LIVES, first);
    for (let part = 1; part <= PARTS; part++) {
      await node.live((lifeCount - FIRST_LIVES) / PARTS);
      report(node.lives, await node.atRest());
    }
    const last = await eventually(async () => {
      const used = await node.atRest();
      // A worker is started when more tasks than ever run at once, and kept.
      const workers = used.threads - first.threads;
      expect(workers).toBeLessThanOrEqual(MAX_LATE_WORKERS);
      const descriptors = first.descriptors + workers * DESCRIPTORS_OF_WORKER;
      expect({ ...used, threads: 0, heap: 0 }).toEqual({ ...first, descriptors, threads: 0, heap: 0 });
      return used;
    });
    expect(last.heap.objectsMib).toBeLessThan(first.heap.objectsMib * MAX_GROWTH_OF_OBJECTS);
  },
  TIMEOUT_MS,
);

/** What the driver uses when no volume is left. */
interface Usage {
  readonly heap: Heap;
  readonly descriptors: number;
  readonly threads: number;
  readonly mounts: readonly string[];
  readonly devices: readonly string[];
  readonly files: readonly string[];
}

function report(lives: number, { heap, descriptors, threads }: Usage): void {
  const { objectsMib, codeMib } = heap;
  const used = `objects ${objectsMib.toFixed(3)} MiB, code ${codeMib.toFixed(2)} MiB, ${descriptors} descriptors, ${threads} threads`;
  process.stdout.write(`after ${lives} lives: ${used}\n`);
}

async function startNode(): Promise<SoakNode> {
  const directory = newDirectory();
  onTestFinished(() => removeWithMounts(directory));
  chmodSync(directory, 0o755);
  const probe = pathToFileURL(inProject('bench', 'heap-probe.mjs')).href;
  const server = await Server.start({
    args: [
      '--expose-gc',
      `--import=${probe}`,
      inProject('dist', 'main.js'),
      `--statedir=${join(directory, 'pool')}`,
      `--endpoint=${join(directory, 's')}`,
      '--nodeid=node-1',
    ],
    logPath: join(directory, 'log'),
    sharesMounts: true,
  });
  onTestFinished(() => server.stop());
  const client = new CsiClient(server.endpoint);
  onTestFinished(() => client.close());
  return new SoakNode(directory, server, client);
}

/** A node whose clients create volumes, use them and delete them, again and again. */
class SoakNode {
  private readonly directory: string;
  private readonly server: Server;
  private readonly client: CsiClient;
  /** How many lives have begun. */
  lives = 0;

  constructor(directory: string, server: Server, client: CsiClient) {
    this.directory = directory;
    this.server = server;
    this.client = client;
  }

  async live(count: number): Promise<void> {
    const end = this.lives + count;
    const lives = async (_: unknown, index: number) => {
      const staging = join(this.directory, `staging-${index}`);
      mkdirSync(staging, { recursive: true });
      const target = join(this.directory, `target-${index}`);
      while (this.lives < end) await this.life(this.lives++, staging, target);
    };
    await Promise.all(Array.from({ length: CLIENTS }, lives));
  }

  /** What is used once everything that was deleted is also removed. */
  async atRest(): Promise<Usage> {
    const files = () =>
      ['volumes', 'snapshots', '.incoming', '.outgoing'].flatMap((name) => this.names(name));
    await eventually(() => expect(files()).toEqual([]));
    await eventually(() => expect(loopsBelow(this.directory)).toEqual([]));
    return {
      heap: await this.server.heap(),
      descriptors: this.server.descriptorCount,
      threads: this.server.threadCount,
      mounts: await mountsBelow(this.directory),
      devices: loopsBelow(this.directory).map(({ path }) => path),
      files: this.names('.'),
    };
  }

  private names(directory: string): string[] {
    return readdirSync(join(this.directory, 'pool', directory)).sort();
  }

  private async life(number: number, staging_target_path: string, target_path: string): Promise<void> {
    const { controller, node } = this.client;
    const isImage = isHostRoot && number % IMAGE_EVERY === 0;
    const volume_capability = isImage ? fileSystem('ext4') : mountCapability();
    const { volume } = await controller.CreateVolume(
      createRequest(`life ${number}`, {
        volume_capabilities: [volume_capability],
        parameters: { backend: isImage ? 'image' : 'directory' },
        capacity_range: { required_bytes: isImage ? 16 * MIB : MIB },
      }),
    );
    const paths = { volume_id: volume?.volume_id ?? '', staging_target_path, target_path };
    await node.NodeStageVolume({ ...paths, volume_capability });
    await node.NodePublishVolume({ ...paths, volume_capability });
    if (number % IMAGE_EVERY === 0) await this.takeSnapshot(number, paths.volume_id);
    await node.NodeUnpublishVolume(paths);
    await node.NodeUnstageVolume(paths);
    await controller.DeleteVolume(paths);
  }

  private async takeSnapshot(number: number, source_volume_id: string): Promise<void> {
    const { controller } = this.client;
    const { snapshot } = await controller.CreateSnapshot({ name: `snapshot ${number}`, source_volume_id });
    await controller.DeleteSnapshot({ snapshot_id: snapshot?.snapshot_id ?? '' });
  }
}
