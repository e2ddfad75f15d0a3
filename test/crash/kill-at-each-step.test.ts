import { afterAll, describe, expect, test } from 'vitest';
import { mutationSteps, type Step } from '../../src/model/steps.ts';
import { isHostRoot } from '../support/host-root.ts';
import { mountCapability } from '../support/requests.ts';
import { copySteps } from './copy-steps.ts';
import { type Kind, LifeHost, life } from './life-host.ts';
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
// These touch only the record, whatever the kind of volume.
const onceOnly = [attachVolume, detachVolume, modifyVolume].flat();

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
  name: 'a retained directory volume',
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

/** The call that a step belongs to. */
function callOf(step: Step): string | undefined {
  const [word] = step.split(':');
  return word === 'retain' ? 'delete' : word;
}

test('every mutation step is covered by some volume or by a copy of one', () => {
  const taken = new Set([...[directory, retained, image, block].flatMap((kind) => kind.steps), ...copySteps]);
  expect([...taken].sort()).toEqual(Object.values(mutationSteps).flat().sort());
});

/** Of each kind, a host without volumes whose driver runs: each test that passes leaves it to the next. */
const idle = new Map<Kind, LifeHost>();
const hosts: LifeHost[] = [];

async function idleHost(kind: Kind): Promise<LifeHost> {
  const left = idle.get(kind);
  if (left) {
    idle.delete(kind);
    return left;
  }
  const host = new LifeHost(kind);
  hosts.push(host);
  await host.start();
  return host;
}

afterAll(async () => {
  const exits = await Promise.all([...idle.values()].map((host) => host.stop('SIGTERM')));
  for (const host of hosts) await host.dispose();
  for (const exit of exits) expect(exit).toEqual({ code: 0, signal: null });
});

describe.each(cases)('$name, killed after "$step"', ({ kind, step }) => {
  test('the next start has the whole volume or none, and every retry succeeds', async () => {
    const host = await idleHost(kind);
    host.stopAt(step);
    let killedAt: string | undefined;
    for (const call of life) {
      try {
        await host.call(call);
      } catch (error) {
        await host.expectKilled(String(error));
        killedAt = call;
        await host.start();
        await host.expectConsistent();
        await host.call(call);
      }
    }
    // The content is removed in the background, mostly after the answer to the delete.
    if (step === 'delete: content removed' && killedAt === undefined) {
      await host.expectKilled();
      killedAt = 'delete';
      await host.start();
    }
    expect(killedAt?.replace('Node', '')).toBe(callOf(step));
    await host.expectNothingLeft();
    idle.set(kind, host);
  });
});
