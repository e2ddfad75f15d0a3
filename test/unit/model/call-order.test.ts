import { describe, expect, test } from 'vitest';
import type { Features } from '../../../src/model/settings.ts';
import { attachVolume, publishVolume, stageVolume, unpublishVolume, unstageVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

/** The required order of calls in a volume's lifecycle, if a flag checks it. */
async function nodeWith(features: Partial<Features>) {
  const node = fakeNode({ features });
  const { id } = await node.addVolume();
  const { model } = node;
  const stagingPath = node.makeDirectory('/staging');
  node.makeDirectory('/pod');
  const current = () => model.catalogue.volumes.find(id) ?? node.addVolume();
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

describe('when attach is enabled', () => {
  test('staging comes after attaching', async () => {
    const { attach, stage } = await nodeWith({ attach: true });
    await expect(stage()).rejects.toMatchObject({ kind: 'precondition' });
    await attach();
    await expect(stage()).resolves.toBeUndefined();
  });

  test.each([true, false])(
    'a volume that is attached read-only: %s, is read-only for every pod',
    async (readOnly) => {
      const { attach, stage, publish, isReadOnlyAtTarget } = await nodeWith({ attach: true });
      await attach(readOnly);
      await stage();
      await publish();
      expect(await isReadOnlyAtTarget()).toBe(readOnly);
    },
  );

  test.each([true, false])(
    'publishing a volume staged before the attach is refused if the lifecycle is checked: %s',
    async (strictLifecycle) => {
      const { model, stage, publish } = await nodeWith({ attach: true, strictLifecycle });
      Object.assign(model.settings, { features: { ...model.settings.features, attach: false } });
      await stage();
      Object.assign(model.settings, { features: { ...model.settings.features, attach: true } });
      const published = publish();
      if (strictLifecycle) await expect(published).rejects.toMatchObject({ kind: 'precondition' });
      else await expect(published).resolves.toBeUndefined();
    },
  );
});

describe('unstaging a volume that is still published', () => {
  test('is refused if the lifecycle is checked, until it is unpublished', async () => {
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

  test('leaves the pods their mounts otherwise', async () => {
    const { mounts, stage, publish, unstage } = await nodeWith({});
    await stage();
    await publish();
    await unstage();
    expect((await mounts.inspect('/pod/target')).kind).toBe('mounted');
  });
});
