import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { listLoops } from '../../src/kernel/devices/loop-list.ts';
import { mutationSteps, type Step } from '../../src/model/steps.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { CsiClient } from '../support/csi-client.ts';
import { type DriverProcess, startDriverProcess } from '../support/driver-process.ts';
import { isHostRoot } from '../support/host-root.ts';
import { mountCapability } from '../support/requests.ts';
import { mountsBelow, scratchDirectory } from '../support/scratch.ts';
import { copySteps } from './copy-steps.ts';
import { sampleOf } from './sample.ts';

const MIB = 1024 ** 2;
const {
  createVolume,
  expandVolume,
  expandImage,
  stageVolume,
  stageImage,
  stageBlock,
  publishVolume,
  unpublishVolume,
  unstageVolume,
  unstageBlock,
  attachVolume,
  detachVolume,
  modifyVolume,
  deleteVolume,
  retainVolume,
} = mutationSteps;
const everywhere = [
  createVolume,
  expandVolume,
  publishVolume,
  unpublishVolume,
  unstageVolume,
  deleteVolume,
].flat();
// These touch the record alone, whatever the volume is.
const onceOnly = [attachVolume, detachVolume, modifyVolume].flat();

interface Kind {
  readonly name: string;
  readonly capability: VolumeCapability;
  readonly parameters: Record<string, string>;
  readonly sizeBytes: number;
  /** What lies in the volume's directory beside its record. */
  readonly content: string;
  readonly steps: readonly Step[];
  /** What becomes of it when it is deleted. */
  readonly onDelete?: 'retain';
}

const directory: Kind = {
  name: 'a directory volume',
  capability: mountCapability(),
  parameters: { backend: 'directory' },
  sizeBytes: MIB,
  content: 'data',
  steps: [...everywhere, ...stageVolume, ...onceOnly],
};
const retained: Kind = {
  ...directory,
  name: 'a directory volume that is to be retained',
  steps: retainVolume,
  onDelete: 'retain',
};
const image: Kind = {
  name: 'an image volume',
  capability: { ...mountCapability(), mount: { fs_type: 'xfs' } },
  parameters: { backend: 'image' },
  sizeBytes: 320 * MIB,
  content: 'image',
  steps: [...everywhere, ...stageVolume, ...stageImage, ...expandImage],
};
const block: Kind = {
  name: 'a block volume',
  capability: { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
  parameters: {},
  sizeBytes: MIB,
  content: 'image',
  steps: [...everywhere, 'stage: checked', ...stageBlock, 'expand: device grown', ...unstageBlock],
};
const kinds = isHostRoot ? [directory, retained, image, block] : [directory, retained];
const cases = kinds.flatMap((kind, offset) =>
  sampleOf(kind.steps, offset).map((step) => ({ kind, name: kind.name, step })),
);

/** A volume's whole life, one call after the other; the same calls serve as retries. */
const life = [
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

/** Which of the calls a step is part of. */
function callOf(step: Step): string | undefined {
  const [word] = step.split(':');
  return word === 'retain' ? 'delete' : word;
}

test('every step of every mutation is one that some volume takes, or a copy of one', () => {
  const taken = new Set([...[directory, retained, image, block].flatMap((kind) => kind.steps), ...copySteps]);
  expect([...taken].sort()).toEqual(Object.values(mutationSteps).flat().sort());
});

describe.each(cases)('$name, killed after "$step"', ({ kind, step }) => {
  test('the next start has the volume whole or not at all, and every retry succeeds', async () => {
    const host = new TestHost(scratchDirectory(), kind);
    let driver = await host.start(step);
    let killedAt: string | undefined;
    for (const call of life) {
      try {
        await host.call(call);
      } catch (error) {
        expect(await driver.exit, String(error)).toEqual({ code: null, signal: 'SIGKILL' });
        killedAt = call;
        driver = await host.start();
        await host.expectConsistent();
        await host.call(call);
      }
    }
    // The content goes in the background, mostly after the answer to delete.
    if (step === 'delete: content removed' && killedAt === undefined) {
      expect(await driver.exit).toEqual({ code: null, signal: 'SIGKILL' });
      killedAt = 'delete';
      driver = await host.start();
    }
    expect(killedAt?.replace('Node', '')).toBe(callOf(step));
    await host.expectNothingLeft();
    driver.kill('SIGTERM');
    expect(await driver.exit).toEqual({ code: 0, signal: null });
    host.close();
  });
});

/** One node with its pool, its kubelet paths and a driver that is started again and again. */
class TestHost {
  private readonly directory: string;
  private readonly staging: string;
  private readonly target: string;
  private client: CsiClient | undefined;
  private readonly kind: Kind;
  private volumeId = '';

  constructor(directory: string, kind: Kind) {
    this.directory = directory;
    this.kind = kind;
    this.staging = join(directory, 'staging');
    this.target = join(directory, 'pod', 'target');
    mkdirSync(this.staging);
    mkdirSync(join(directory, 'pod'));
  }

  async start(stopAt = ''): Promise<DriverProcess> {
    const flags = [
      `--statedir=${this.pool()}`,
      `--endpoint=${join(this.directory, 's')}`,
      '--nodeid=node-1',
      '--enable-attach',
      '--enable-controller-modify-volume',
    ];
    const program = ['test/crash/stoppable-driver.mjs'];
    const stopFile = join(this.directory, 'stop');
    writeFileSync(stopFile, `kill ${stopAt}`);
    const driver = await startDriverProcess(flags, { program, env: { STOP_FILE: stopFile } });
    this.client?.close();
    this.client = new CsiClient(driver.endpoint);
    return driver;
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

  /** What is listed is whole on disk, what is on disk is listed, and nothing half-built is left. */
  async expectConsistent(): Promise<void> {
    const { entries = [] } = (await this.client?.controller.ListVolumes({})) ?? {};
    const listed = entries.map((entry) => entry.volume?.volume_id ?? '');
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual(listed);
    await vi.waitFor(() => expect(readdirSync(join(this.pool(), '.incoming'))).toEqual([]));
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

  /** What pods see is as large as the volume is now. */
  private async expectGrown(): Promise<void> {
    const { usage = [] } =
      (await this.client?.node.NodeGetVolumeStats({ volume_id: this.volumeId, volume_path: this.target })) ??
      {};
    // A file system keeps some of its device for itself.
    expect(Number(usage[0]?.total)).toBeGreaterThan(this.kind.sizeBytes * 1.5);
  }

  async expectNothingLeft(): Promise<void> {
    expect((await listLoops()).filter((loop) => loop.backingPath.startsWith(this.directory))).toEqual([]);
    expect(await mountsBelow(this.directory)).toEqual([]);
    expect(existsSync(this.target)).toBe(false);
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual([]);
    const kept = this.kind.onDelete === 'retain' ? [this.volumeId] : [];
    expect(readdirSync(join(this.pool(), 'retained'))).toEqual(kept);
    for (const id of kept) {
      expect(readdirSync(join(this.pool(), 'retained', id)).sort()).toEqual([
        this.kind.content,
        'volume.json',
      ]);
    }
    await vi.waitFor(() => expect(readdirSync(join(this.pool(), '.outgoing'))).toEqual([]));
  }

  close(): void {
    this.client?.close();
  }

  private pool(): string {
    return join(this.directory, 'pool');
  }
}
