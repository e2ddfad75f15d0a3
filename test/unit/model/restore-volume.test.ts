import { expect, test } from 'vitest';
import { defaultMutableParameters } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { createVolume, deleteVolume, restoreVolume } from './fakes/calls.ts';
import { gateAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { capability, volumeSpec } from './fakes/requests.ts';
import { systemError } from './fakes/system-error.ts';

const MIB = 1024n ** 2n;
const claim = { namespace: 'shop', name: 'data' };
const mutable = { ...defaultMutableParameters, onDelete: 'archive' } as const;

async function archivedVolume(settings: FakeModelSettings = {}) {
  const node = fakeNode({ capacityBytes: 2n * MIB, ...settings });
  const { id } = await node.addVolume('a', { mutable, claim });
  await deleteVolume(node.model, id);
  return { ...node, id };
}

test('goes through every step of a restore, and counts the volume once', async () => {
  const steps: string[] = [];
  const { model, pool, id } = await archivedVolume({ onStep: (step) => void steps.push(step) });
  steps.length = 0;
  const restored = await restoreVolume(model, id);
  expect(steps).toEqual(mutationSteps.restoreVolume);
  expect(restored).toMatchObject({ id, name: 'a', deletion: undefined });
  expect(model.catalogue.volumes.findByName('a')).toEqual(restored);
  expect(model.catalogue.retained.all()).toEqual([]);
  expect(pool.account.reservedBytes).toBe(MIB);
});

test('a volume that is being restored still counts while space is looked for', async () => {
  const gate = gateAt('restore: renamed');
  const { model, pool, id } = await archivedVolume({ onStep: gate.onStep });
  const restoring = restoreVolume(model, id);
  await gate.reached;
  const tooLarge = volumeSpec({ name: 'b', range: { requiredBytes: 2n * MIB, limitBytes: 0n } });
  await expect(createVolume(model, tooLarge)).rejects.toMatchObject({ kind: 'exhausted' });
  gate.open();
  await restoring;
  expect(model.catalogue.volumes.find(id)).toBeDefined();
  expect(pool.account.reservedBytes).toBe(MIB);
});

test('a restore that fails after the move is completed by a retry', async () => {
  const failures = [systemError('EIO')];
  const { model, id } = await archivedVolume({
    onStep: (step) => {
      const failure = step === 'restore: renamed' ? failures.pop() : undefined;
      if (failure) throw failure;
    },
  });
  await expect(restoreVolume(model, id)).rejects.toThrow();
  expect(await restoreVolume(model, id)).toMatchObject({ id });
  expect(await restoreVolume(model, id)).toMatchObject({ id });
});

test('a volume that exists already under another name is not renamed', async () => {
  const { model, id } = await archivedVolume();
  await restoreVolume(model, id, { name: 'b' });
  await expect(restoreVolume(model, id, { name: 'c' })).rejects.toMatchObject({ kind: 'already-exists' });
});

test('an id that is unknown, or whose record is damaged, is refused', async () => {
  const { model } = fakeNode();
  await expect(restoreVolume(model, 'nothing')).rejects.toMatchObject({ kind: 'not-found' });
  model.catalogue.retained.addDamaged({ id: 'broken', pool: 'default', reason: 'it is empty' });
  await expect(restoreVolume(model, 'broken')).rejects.toMatchObject({ kind: 'damaged' });
});

test('the volume of a claim gets what the request names, and is compared with the rest', async () => {
  const { model, id } = await archivedVolume();
  const spec = volumeSpec({
    name: 'new',
    claim,
    restore: 'latest',
    capabilities: [capability('MULTI_NODE_READER_ONLY')],
    mutable: { onDelete: 'retain' },
  });
  const root = { uid: 5, gid: 0, mode: 0o777 };
  await expect(createVolume(model, { ...spec, root })).rejects.toMatchObject({
    kind: 'invalid',
    about: 'restore',
    message: expect.stringContaining('which has uid 0'),
  });
  expect(
    await createVolume(model, { ...spec, claim: { ...claim, namespace: 'other' }, name: 'b' }),
  ).not.toMatchObject({ id });
  const restored = await createVolume(model, spec);
  expect(restored).toMatchObject({ id, name: 'new', accessModes: ['MULTI_NODE_READER_ONLY'] });
  expect(restored.mutable.onDelete).toBe('retain');
  expect(await createVolume(model, spec)).toBe(restored);
});

test('a claim gets the volume that was deleted last', async () => {
  const { model, addVolume } = fakeNode();
  for (const [name, at] of [
    ['a', '1'],
    ['b', '3'],
    ['c', '2'],
  ] as const) {
    const volume = await addVolume(name, { mutable, claim });
    await model.catalogue.retainVolume(volume, { at: `2026-01-0${at}T00:00:00.000Z`, expiresAt: undefined });
  }
  const last = model.catalogue.retained.all().find(({ name }) => name === 'b');
  const restored = await createVolume(model, volumeSpec({ name: 'new', claim, restore: 'latest' }));
  expect(restored.id).toBe(last?.id);
});
