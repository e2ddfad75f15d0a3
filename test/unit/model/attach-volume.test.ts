import { describe, expect, test } from 'vitest';
import type { Volume } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { type AttachSpec, attachVolume, detachVolume, stageVolume } from './fakes/calls.ts';
import { gateAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockCapability, capability } from './fakes/requests.ts';

const attach = { attach: true };

function nodeWithAttach(settings: FakeModelSettings = {}) {
  const node = fakeNode({ ...settings, features: { ...attach, ...settings.features } });
  const current = (volume: Volume) => node.model.catalogue.volumes.find(volume.id) ?? volume;
  return {
    ...node,
    current,
    attach: (volume: Volume, spec: Partial<AttachSpec> = {}) =>
      attachVolume(node.model, current(volume), {
        nodeId: 'node-1',
        capability: capability(),
        readOnly: false,
        ...spec,
      }),
    detach: (volume: Volume, nodeId?: string) => detachVolume(node.model, current(volume), nodeId),
    stored: async () => (await node.pool.records.volumes.load()).found.map((each) => each.attachment),
  };
}

describe('attaching', () => {
  test('is recorded with the requested access, and goes through every step', async () => {
    const steps: string[] = [];
    const { addVolume, attach, current, stored } = nodeWithAttach({
      onStep: (step) => void steps.push(step),
    });
    const volume = await addVolume();
    steps.length = 0;
    await attach(volume, { readOnly: true });
    const attachment = { nodeId: 'node-1', accessMode: 'SINGLE_NODE_WRITER', readOnly: true };
    expect(current(volume).attachment).toEqual(attachment);
    expect(await stored()).toEqual([attachment]);
    expect(steps).toEqual(mutationSteps.attachVolume);
  });

  test('to a node that only reads is read-only, whatever else is requested', async () => {
    const { addVolume, attach, current } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume, { capability: capability('SINGLE_NODE_READER_ONLY') });
    expect(current(volume).attachment?.readOnly).toBe(true);
  });

  test('can be repeated', async () => {
    const { addVolume, attach } = nodeWithAttach({ volumeLimit: 1 });
    const volume = await addVolume();
    await attach(volume);
    await expect(attach(volume)).resolves.toBeUndefined();
  });

  test.each<[string, Partial<AttachSpec>]>([
    ['read-only', { readOnly: true }],
    ['in another access mode', { capability: capability('SINGLE_NODE_MULTI_WRITER') }],
  ])('again, %s, is refused with the existing attachment', async (_, spec) => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume);
    await expect(attach(volume, spec)).rejects.toMatchObject({
      kind: 'already-exists',
      message: expect.stringContaining('writable as SINGLE_NODE_WRITER'),
    });
  });

  test('again, for writing, is refused if it is attached read-only', async () => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume, { readOnly: true });
    await expect(attach(volume)).rejects.toMatchObject({
      kind: 'already-exists',
      message: expect.stringContaining('read-only'),
    });
  });

  test('to another node fails because that node is unknown', async () => {
    const { addVolume, attach } = nodeWithAttach();
    await expect(attach(await addVolume(), { nodeId: 'node-2' })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('node-2'),
    });
  });

  test('is refused for an inline volume, which belongs to its pod', async () => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume('a', { inline: { targetPath: '/pod/target' } });
    await expect(attach(volume)).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('with the wrong volume mode is refused', async () => {
    const { addVolume, attach } = nodeWithAttach();
    await expect(attach(await addVolume(), { capability: blockCapability() })).rejects.toMatchObject({
      kind: 'precondition',
    });
  });

  test('starts anew when the node id has changed', async () => {
    const { addVolume, attach, current } = nodeWithAttach();
    const attachment = { nodeId: 'old', accessMode: 'SINGLE_NODE_WRITER', readOnly: true } as const;
    const volume = await addVolume('a', { attachment });
    await attach(volume);
    expect(current(volume).attachment).toEqual({ ...attachment, nodeId: 'node-1', readOnly: false });
  });

  test('changes nothing when the record cannot be written', async () => {
    const { addVolume, attach, current, pool, model } = nodeWithAttach({ volumeLimit: 1 });
    const volume = await addVolume();
    const failure = new Error('no');
    const { replace } = pool.records.volumes;
    pool.records.volumes.replace = () => Promise.reject(failure);
    await expect(attach(volume)).rejects.toBe(failure);
    expect(current(volume).attachment).toBeUndefined();
    expect(model.catalogue.volumes.attachedCount).toBe(0);
    pool.records.volumes.replace = replace;
    await expect(attach(volume)).resolves.toBeUndefined();
  });
});

describe('the limit of the node', () => {
  test('applies, and a detached or deleted volume frees a place', async () => {
    const { addVolume, attach, detach, model } = nodeWithAttach({ volumeLimit: 2 });
    const volumes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => addVolume(name)));
    const [a, b, c, d] = volumes as [Volume, Volume, Volume, Volume];
    await attach(a);
    await attach(b);
    await expect(attach(c)).rejects.toMatchObject({
      kind: 'exhausted',
      message: expect.stringContaining('--attach-limit'),
    });
    await detach(a);
    await attach(c);
    await expect(attach(d)).rejects.toMatchObject({ kind: 'exhausted' });
    model.catalogue.volumes.remove(b);
    await attach(d);
    expect(model.catalogue.volumes.attachedCount).toBe(2);
  });

  test('applies to concurrent attaches', async () => {
    const gate = gateAt('attach: checked');
    const { addVolume, attach } = nodeWithAttach({ volumeLimit: 1, onStep: gate.onStep });
    const [a, b] = [await addVolume('a'), await addVolume('b')];
    const attaching = attach(a);
    await gate.reached;
    await expect(attach(b)).rejects.toMatchObject({ kind: 'exhausted' });
    gate.open();
    await attaching;
  });

  test('of 0 means unlimited', async () => {
    const { addVolume, attach, model } = nodeWithAttach({ volumeLimit: 0 });
    for (const name of ['a', 'b', 'c']) await attach(await addVolume(name));
    expect(model.catalogue.volumes.attachedCount).toBe(3);
  });
});

describe('detaching', () => {
  test('is recorded, can be repeated, and goes through its step', async () => {
    const steps: string[] = [];
    const { addVolume, attach, detach, stored } = nodeWithAttach({
      onStep: (step) => void steps.push(step),
    });
    const volume = await addVolume();
    await attach(volume);
    steps.length = 0;
    await detach(volume, 'node-1');
    await detach(volume, 'node-1');
    expect(await stored()).toEqual([undefined]);
    expect(steps).toEqual(mutationSteps.detachVolume);
  });

  test('from another node leaves it attached to this one', async () => {
    const { addVolume, attach, detach, current } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume);
    await detach(volume, 'node-2');
    expect(current(volume).attachment?.nodeId).toBe('node-1');
  });

  test.each([true, false])(
    'a volume that is still staged is refused if the lifecycle is checked: %s',
    async (strictLifecycle) => {
      const { addVolume, attach, detach, current, model, makeDirectory } = nodeWithAttach({
        features: { strictLifecycle },
      });
      const volume = await addVolume();
      await attach(volume);
      await stageVolume(model, current(volume), makeDirectory('/staging'), capability());
      const detached = detach(volume);
      if (strictLifecycle) {
        await expect(detached).rejects.toMatchObject({
          kind: 'precondition',
          message: expect.stringContaining('/staging'),
        });
      } else await detached;
      expect(current(volume).attachment !== undefined).toBe(strictLifecycle);
    },
  );
});

describe('a volume that is not attached', () => {
  const notAttached = {
    kind: 'precondition',
    message: expect.stringContaining('is not published to node "node-1"; call ControllerPublishVolume first'),
  };

  test.each([undefined, 'node-2'])(
    'is not staged, naming the missing call; attached to %s',
    async (nodeId) => {
      const { addVolume, model, makeDirectory } = nodeWithAttach();
      const accessMode = 'SINGLE_NODE_WRITER';
      const attachment =
        nodeId === undefined ? undefined : ({ nodeId, accessMode, readOnly: false } as const);
      const volume = await addVolume('a', { attachment });
      const staged = stageVolume(model, volume, makeDirectory('/staging'), capability());
      await expect(staged).rejects.toMatchObject(notAttached);
    },
  );

  test('is staged if attach is disabled', async () => {
    const { addVolume, model, mounts, makeDirectory } = fakeNode();
    await stageVolume(model, await addVolume(), makeDirectory('/staging'), capability());
    expect((await mounts.inspect('/staging')).kind).toBe('mounted');
  });
});
