import { describe, expect, test } from 'vitest';
import { stageVolume } from '../../../src/model/mounting/stage-volume.ts';
import type { Volume } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import {
  type AttachSpec,
  attachmentOf,
  attachVolume,
  checkAttached,
  detachVolume,
} from '../../../src/model/volumes/attach-volume.ts';
import { gateAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockCapability, capability } from './fakes/requests.ts';

const attach = { attach: true };

function nodeWithAttach(settings: FakeModelSettings = {}) {
  const node = fakeNode({ ...settings, features: { ...attach, ...settings.features } });
  const current = (volume: Volume) => node.model.volumes.find(volume.id) ?? volume;
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
  test('is recorded, with how the volume was asked for, and goes through every step', async () => {
    const steps: string[] = [];
    const { addVolume, attach, current, stored, model } = nodeWithAttach({
      onStep: (step) => void steps.push(step),
    });
    const volume = await addVolume();
    steps.length = 0;
    await attach(volume, { readOnly: true });
    const attachment = { nodeId: 'node-1', accessMode: 'SINGLE_NODE_WRITER', readOnly: true };
    expect(current(volume).attachment).toEqual(attachment);
    expect(await stored()).toEqual([attachment]);
    expect(attachmentOf(model, current(volume))).toEqual(attachment);
    expect(steps).toEqual(mutationSteps.attachVolume);
  });

  test('to a node that reads only is read-only, whatever else is said', async () => {
    const { addVolume, attach, current } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume, { capability: capability('SINGLE_NODE_READER_ONLY') });
    expect(current(volume).attachment?.readOnly).toBe(true);
  });

  test('may be repeated', async () => {
    const { addVolume, attach } = nodeWithAttach({ volumeLimit: 1 });
    const volume = await addVolume();
    await attach(volume);
    await expect(attach(volume)).resolves.toBeUndefined();
  });

  test.each<[string, Partial<AttachSpec>]>([
    ['read-only', { readOnly: true }],
    ['in another access mode', { capability: capability('SINGLE_NODE_MULTI_WRITER') }],
  ])('again, %s, is refused with how it is attached now', async (_, spec) => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume);
    await expect(attach(volume, spec)).rejects.toMatchObject({
      kind: 'already-exists',
      message: expect.stringContaining('for writing as SINGLE_NODE_WRITER'),
    });
  });

  test('again, for writing, is refused for one that is attached read-only', async () => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume();
    await attach(volume, { readOnly: true });
    await expect(attach(volume)).rejects.toMatchObject({
      kind: 'already-exists',
      message: expect.stringContaining('read-only'),
    });
  });

  test('to another node finds no such node', async () => {
    const { addVolume, attach } = nodeWithAttach();
    await expect(attach(await addVolume(), { nodeId: 'node-2' })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('node-2'),
    });
  });

  test('is refused for an inline volume, which comes and goes with its pod', async () => {
    const { addVolume, attach } = nodeWithAttach();
    const volume = await addVolume('a', { inline: { targetPath: '/pod/target' } });
    await expect(attach(volume)).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('as what the volume is not is refused', async () => {
    const { addVolume, attach } = nodeWithAttach();
    await expect(attach(await addVolume(), { capability: blockCapability() })).rejects.toMatchObject({
      kind: 'precondition',
    });
  });

  test('counts anew when the node has got another id', async () => {
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
    expect(model.volumes.attachedCount).toBe(0);
    pool.records.volumes.replace = replace;
    await expect(attach(volume)).resolves.toBeUndefined();
  });
});

describe('the limit of the node', () => {
  test('holds, and a volume that is detached or deleted makes room', async () => {
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
    model.volumes.remove(b);
    await attach(d);
    expect(model.volumes.attachedCount).toBe(2);
  });

  test('holds for those that are attached at once', async () => {
    const gate = gateAt('attach: checked');
    const { addVolume, attach } = nodeWithAttach({ volumeLimit: 1, onStep: gate.onStep });
    const [a, b] = [await addVolume('a'), await addVolume('b')];
    const attaching = attach(a);
    await gate.reached;
    await expect(attach(b)).rejects.toMatchObject({ kind: 'exhausted' });
    gate.open();
    await attaching;
  });

  test('of 0 is none', async () => {
    const { addVolume, attach, model } = nodeWithAttach({ volumeLimit: 0 });
    for (const name of ['a', 'b', 'c']) await attach(await addVolume(name));
    expect(model.volumes.attachedCount).toBe(3);
  });
});

describe('detaching', () => {
  test('is recorded, may be repeated, and goes through its step', async () => {
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
    'a volume that is still staged is refused where calls are held to their order: %s',
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
  test('is refused what comes after, naming what comes first', async () => {
    const { addVolume, model } = nodeWithAttach();
    const volume = await addVolume();
    expect(() => checkAttached(model, volume)).toThrow('ControllerPublishVolume comes first');
  });

  test('is as good as any where nothing is ever attached', async () => {
    const { addVolume, model } = fakeNode();
    const volume = await addVolume();
    expect(() => checkAttached(model, volume)).not.toThrow();
  });
});
