import { describe, expect, test } from 'vitest';
import { publishVolume, unpublishVolume } from '../../../src/model/mounting/publish-volume.ts';
import { stageVolume, unstageVolume } from '../../../src/model/mounting/stage-volume.ts';
import type { Features } from '../../../src/model/state/model.ts';
import { attachVolume } from '../../../src/model/volumes/attach-volume.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

/** What the life cycle of a volume says must come before what, where a flag holds calls to it. */
async function nodeWith(features: Partial<Features>) {
  const node = fakeNode({ features });
  const { id } = await node.addVolume();
  const { model } = node;
  const stagingPath = node.makeDirectory('/staging');
  node.makeDirectory('/pod');
  const current = () => model.volumes.find(id) ?? node.addVolume();
  const spec = { stagingPath, targetPath: '/pod/target', capability: capability(), readOnly: false };
  return {
    ...node,
    attach: async (readOnly = false) =>
      attachVolume(model, await current(), { nodeId: 'node-1', capability: capability(), readOnly }),
    stage: async () => stageVolume(model, await current(), stagingPath, capability()),
    publish: async () => publishVolume(model, await current(), spec),
    unpublish: () => unpublishVolume(model, id, spec.targetPath),
    unstage: () => unstageVolume(model, id, stagingPath),
    isReadOnlyAtTarget: async () => {
      const state = await node.mounts.inspect(spec.targetPath);
      return state.kind === 'mounted' && state.flags.readOnly;
    },
  };
}

describe('where volumes are attached', () => {
  test('staging comes after attaching', async () => {
    const { attach, stage } = await nodeWith({ attach: true });
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    await attach();
    await expect(stage()).resolves.toBeUndefined();
  });

  test.each([true, false])(
    'one that is attached read-only: %s, is read-only for every pod',
    async (readOnly) => {
      const { attach, stage, publish, isReadOnlyAtTarget } = await nodeWith({ attach: true });
      await attach(readOnly);
      await stage();
      await publish();
      expect(await isReadOnlyAtTarget()).toBe(readOnly);
    },
  );

  test.each([true, false])(
    'publishing what was staged before that was so is refused where calls are held to their order: %s',
    async (strictLifecycle) => {
      const { model, stage, publish } = await nodeWith({ attach: true, strictLifecycle });
      Object.assign(model, { features: { ...model.features, attach: false } });
      await stage();
      Object.assign(model, { features: { ...model.features, attach: true } });
      const published = publish();
      if (strictLifecycle) await expect(published).rejects.toMatchObject({ kind: 'precondition' });
      else await expect(published).resolves.toBeUndefined();
    },
  );
});

describe('unstaging a volume that is still published', () => {
  test('is refused where calls are held to their order, until it is unpublished', async () => {
    const { stage, publish, unpublish, unstage } = await nodeWith({ strictLifecycle: true });
    await stage();
    await publish();
    await expect(unstage()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('/pod/target'),
    });
    await unpublish();
    await expect(unstage()).resolves.toBeUndefined();
  });

  test('leaves the pods their mount elsewhere', async () => {
    const { mounts, stage, publish, unstage } = await nodeWith({});
    await stage();
    await publish();
    await unstage();
    expect((await mounts.inspect('/pod/target')).kind).toBe('mounted');
  });
});
