import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { unmount } from '../../src/kernel/mounts/bind-mount.ts';
import { mutationSteps, type Step } from '../../src/model/steps.ts';
import { isHostRoot } from '../support/host-root.ts';
import { endPod, type InlinePod, newPod, publishRequest } from '../support/inline-pod.ts';
import { mountsBelow } from '../support/scratch.ts';
import { sampleOf } from './sample.ts';
import { StoppableNode } from './stoppable-node.ts';

const { createVolume, publishVolume, stageImage, unpublishVolume, deleteVolume } = mutationSteps;

interface Kind {
  readonly name: string;
  readonly attributes: Record<string, string>;
  /** The content of the volume's directory beside its record. */
  readonly content: string;
  readonly publish: readonly Step[];
}

const directory: Kind = {
  name: 'a directory',
  attributes: { backend: 'directory', size: '1Mi' },
  content: 'data',
  publish: [...createVolume, ...publishVolume],
};
const image: Kind = {
  name: 'an image',
  attributes: { backend: 'image', size: '16Mi' },
  content: 'image',
  publish: [...createVolume, ...publishVolume, ...stageImage],
};
const unpublish: readonly Step[] = [...unpublishVolume, ...deleteVolume];
const kinds = isHostRoot ? [directory, image] : [directory];

describe.each(kinds)('of $name, with the driver killed at each step,', (kind) => {
  const sample = (steps: readonly Step[]) => sampleOf(steps, kinds.indexOf(kind));

  test('an inline volume is published exactly once, and later writes to it stay', async () => {
    const host = await startHost(kind);
    for (const step of sample(kind.publish)) {
      const pod = host.newPod();
      await host.node.dieAt(step, () => host.publish(pod));
      await host.node.start();
      await host.expectWhole();
      await host.publish(pod);
      writeFileSync(join(pod.target_path, 'file'), step);
      await host.expectOne(pod);
      await host.publish(pod);
      expect(readFileSync(join(pod.target_path, 'file'), 'utf8')).toBe(step);
      await host.unpublish(pod);
      await host.expectNothingLeft(pod);
    }
    await host.end();
  });

  test('an inline volume whose publish is abandoned can be unpublished, and nothing is left', async () => {
    const host = await startHost(kind);
    for (const step of sample(kind.publish)) {
      const pod = host.newPod();
      await host.node.dieAt(step, () => host.publish(pod));
      await host.node.start();
      await host.unpublish(pod);
      await host.expectNothingLeft(pod);
    }
    await host.end();
  });

  test('an inline volume is unpublished, and nothing is left', async () => {
    const host = await startHost(kind);
    for (const step of sample(unpublish)) {
      const pod = await host.publishedPod();
      await host.node.dieAt(step, () => host.unpublish(pod));
      await host.node.start();
      await host.expectWhole();
      await host.unpublish(pod);
      await host.expectNothingLeft(pod);
    }
    await host.end();
  });

  test.each<[string, readonly Step[]]>([
    ['published', kind.publish],
    ['unpublished', unpublish],
  ])('an inline volume whose pod is gone after it was %s is removed at start', async (how, steps) => {
    const host = await startHost(kind);
    for (const step of sample(steps)) {
      const pod = how === 'published' ? host.newPod() : await host.publishedPod();
      await host.node.dieAt(step, () => (how === 'published' ? host.publish(pod) : host.unpublish(pod)));
      await host.loseMounts();
      endPod(pod);
      await host.node.start();
      await host.expectNothingLeft(pod);
    }
    await host.end();
  });

  test('an inline volume is removed because its pod is gone, and nothing is left', async () => {
    const host = await startHost(kind);
    for (const step of sample(deleteVolume)) {
      const pod = await host.publishedPod();
      await host.node.test.stop('SIGKILL');
      await host.loseMounts();
      endPod(pod);
      await host.node.dieAtStart(step);
      await host.node.start();
      await host.expectNothingLeft(pod);
    }
    await host.end();
  });
});

/** A driver, and a kubelet's directory with a pod that stays. */
async function startHost(kind: Kind): Promise<Host> {
  const host = new Host(kind);
  newPod(host.node.test, 'neighbour');
  await host.node.start();
  return host;
}

/** The operations on inline volumes of one kind on one node. */
class Host {
  readonly node = new StoppableNode(undefined);
  private readonly kind: Kind;
  private podCount = 0;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  newPod(): InlinePod {
    return newPod(this.node.test, `uid-${this.podCount++}`);
  }

  async publishedPod(): Promise<InlinePod> {
    const pod = this.newPod();
    await this.publish(pod);
    writeFileSync(join(pod.target_path, 'file'), 'content');
    return pod;
  }

  publish(pod: InlinePod): Promise<unknown> {
    return this.node.test.node.NodePublishVolume(publishRequest(pod, this.kind.attributes));
  }

  unpublish(pod: InlinePod): Promise<unknown> {
    return this.node.test.node.NodeUnpublishVolume(pod);
  }

  /** Unmounts everything, as a reboot of the node does. */
  async loseMounts(): Promise<void> {
    for (const path of (await mountsBelow(this.node.test.directory)).reverse()) await unmount(path);
  }

  /** Expects listed volumes to be complete on disk, volumes on disk to be listed, and nothing half-built to be left. */
  async expectWhole(): Promise<void> {
    const { entries = [] } = await this.node.test.controller.ListVolumes({});
    const names = readdirSync(join(this.node.pool, 'volumes'));
    expect(names).toHaveLength(entries.length);
    for (const name of names) {
      const found = readdirSync(join(this.node.pool, 'volumes', name)).sort();
      expect(found).toEqual([this.kind.content, 'volume.json']);
    }
    await this.node.expectTidy();
  }

  async expectOne({ volume_id, target_path }: InlinePod): Promise<void> {
    const { entries = [] } = await this.node.test.controller.ListVolumes({});
    expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([volume_id]);
    const [name = '', ...others] = readdirSync(join(this.node.pool, 'volumes'));
    expect(others).toEqual([]);
    const found = readdirSync(join(this.node.pool, 'volumes', name)).sort();
    expect(found).toEqual([this.kind.content, 'volume.json']);
    expect(await mountsBelow(this.node.test.directory)).toEqual([target_path]);
  }

  async expectNothingLeft({ target_path }: InlinePod): Promise<void> {
    await this.node.expectNothingLeft();
    expect(existsSync(target_path)).toBe(false);
    expect((await this.node.test.controller.ListVolumes({})).entries).toEqual([]);
  }

  async end(): Promise<void> {
    expect(await this.node.test.stop()).toEqual({ code: 0, signal: null });
  }
}
