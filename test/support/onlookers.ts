import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { HealthReason } from '../../src/model/objects/finding.ts';
import type { NodeGetVolumeHealthResponse__Output } from '../../src/rpc/generated/csi/v1/NodeGetVolumeHealthResponse.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import type { VolumeHealth__Output } from '../../src/rpc/generated/csi/v1/VolumeHealth.ts';
import type { Published, TestNode } from './test-node.ts';

const MIB = 1024 ** 2;
const AT_ONCE = 3;

/** The possible findings about healthy volumes; the last one between the two calls of an expansion. */
const permitted: readonly HealthReason[] = [
  'CapacityNotEnforced',
  'NearlyOutOfSpace',
  'NearlyOutOfInodes',
  'ExpansionIncomplete',
];

/** The volumes to observe. */
export interface Lives {
  readonly node: TestNode;
  readonly capability: VolumeCapability;
  readonly sizeBytes: number;
  readonly parameters: Readonly<Record<string, string>>;
  /** How many one after the other, of three at once. */
  readonly count: number;
}

/**
 * Takes volumes through their full lifecycle, while others query their health all the time, and expects no transient
 * state from the middle of a call to be reported.
 */
export async function expectNoTransientFindings(lives: Lives): Promise<void> {
  const onlookers = new Onlookers(lives.node);
  onlookers.begin();
  try {
    const all = Array.from({ length: AT_ONCE }, async (_, index) => {
      for (let count = 0; count < lives.count; count++)
        await live(lives, onlookers, `life ${index}-${count}`);
    });
    await Promise.all(all);
  } finally {
    await onlookers.end();
  }
  expect(onlookers.found).toEqual([]);
  for (const [how, count] of Object.entries(onlookers.counts)) expect(count, how).toBeGreaterThan(0);
}

interface Call {
  readonly code: number;
}

const hasCode =
  (...codes: number[]) =>
  (error: unknown) =>
    codes.includes((error as Call).code);

/** Retries until no other call is in progress, as a CO does. */
async function untilDone<T>(call: () => Promise<T>, ...passing: number[]): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!hasCode(status.ABORTED, ...passing)(error)) throw error;
    }
  }
}

/** Queries the health of volumes all the time, in every way, and collects the findings. */
export class Onlookers {
  readonly found: string[] = [];
  readonly counts = { list: 0, known: 0, paths: 0 };
  private readonly node: TestNode;
  /** The existing volumes, and those that are certainly published. */
  private readonly known = new Set<string>();
  private readonly published = new Map<string, Published>();
  private isOver = false;
  private readonly loops: Promise<void>[] = [];

  constructor(node: TestNode) {
    this.node = node;
  }

  begin(): void {
    for (let count = 0; count < AT_ONCE; count++) {
      this.loops.push(this.loop(() => this.askForList()));
      this.loops.push(this.loop(() => this.askForKnown()));
      this.loops.push(this.loop(() => this.askAtPaths()));
    }
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  exists(volumeId: string): void {
    this.known.add(volumeId);
  }

  isGone(volumeId: string): void {
    this.known.delete(volumeId);
  }

  isPublished(paths: Published): void {
    this.published.set(paths.volume_id, paths);
  }

  /** Announced before it is unmounted; earlier queries must not report the unmount either. */
  isPublishedNoLonger({ volume_id }: Published): void {
    this.published.delete(volume_id);
  }

  private async loop(ask: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      await ask();
      // Without volumes to query, other tasks must have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async askForList(): Promise<void> {
    const { entries } = await this.node.controller.ControllerListVolumeHealth({});
    for (const entry of entries) this.see('list', entry);
    this.counts.list++;
  }

  private async askForKnown(): Promise<void> {
    const { controller, node } = this.node;
    const asked = [...this.known].flatMap((volume_id) => [
      controller.ControllerGetVolumeHealth({ volume_id }).catch(unlessGone),
      node.NodeGetVolumeHealth({ volume_id }).catch(unlessGone),
    ]);
    for (const reply of await Promise.all(asked)) this.seeReply('known', reply);
  }

  private async askAtPaths(): Promise<void> {
    const asked = [...this.published.values()].map(
      ({ volume_id, staging_target_path, target_path: volume_publish_path }) =>
        this.node.node
          .NodeGetVolumeHealth({ volume_id, staging_target_path, volume_publish_path })
          .catch(unlessGone),
    );
    for (const reply of await Promise.all(asked)) this.seeReply('paths', reply);
  }

  private seeReply(how: 'known' | 'paths', reply: NodeGetVolumeHealthResponse__Output | undefined): void {
    if (!reply) return;
    this.see(how, reply.volume_health);
    this.counts[how]++;
  }

  private see(how: string, health: VolumeHealth__Output | null): void {
    for (const { reason, message } of health?.health_statuses ?? []) {
      if (!(permitted as readonly string[]).includes(reason))
        this.found.push(`${how}: ${reason}: ${message}`);
    }
  }
}

function unlessGone(error: unknown): undefined {
  if (!hasCode(status.NOT_FOUND)(error)) throw error;
}

async function live(
  { node, capability: volume_capability, sizeBytes, parameters }: Lives,
  onlookers: Onlookers,
  name: string,
): Promise<void> {
  const { controller, node: nodeService } = node;
  const volume_id = await node.create(name, {
    volume_capabilities: [volume_capability],
    capacity_range: { required_bytes: sizeBytes },
    parameters,
  });
  onlookers.exists(volume_id);
  const staging_target_path = node.newStaging();
  const paths = { volume_id, staging_target_path, target_path: node.newPath() };
  await untilDone(() => nodeService.NodeStageVolume({ ...paths, volume_capability }));
  for (let count = 0; count < 2; count++) {
    await untilDone(() => nodeService.NodePublishVolume({ ...paths, volume_capability }));
    onlookers.isPublished(paths);
    const capacity_range = { required_bytes: sizeBytes + (count + 1) * MIB };
    await untilDone(() => controller.ControllerExpandVolume({ volume_id, capacity_range }));
    const volume_path = paths.target_path;
    await untilDone(() => nodeService.NodeExpandVolume({ volume_id, volume_path, capacity_range }));
    onlookers.isPublishedNoLonger(paths);
    await untilDone(() => nodeService.NodeUnpublishVolume(paths));
  }
  const isBlock = volume_capability.block !== undefined;
  const snapshot = () =>
    controller.CreateSnapshot({ name: `snapshot of ${name}`, source_volume_id: volume_id });
  if (!isBlock) await untilDone(snapshot);
  await untilDone(() => nodeService.NodeUnstageVolume(paths));
  const { snapshot: made } = await untilDone(snapshot);
  // A scan of all devices may hold one for a moment longer than its volume does.
  await untilDone(() => controller.DeleteVolume({ volume_id }), status.FAILED_PRECONDITION);
  onlookers.isGone(volume_id);
  await untilDone(() => controller.DeleteSnapshot({ snapshot_id: made?.snapshot_id ?? '' }));
}
