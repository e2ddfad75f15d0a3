import { expect, test } from 'vitest';
import { createRequest } from '../../../support/requests.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

const NAMESPACE = 'csi.storage.k8s.io/pvc/namespace';
const NAME = 'csi.storage.k8s.io/pvc/name';

/** A node, and a way to create volume `a` with parameters that returns its id and its recorded claim. */
function nodeThatRecords() {
  const { model, pool } = fakeNode();
  const { CreateVolume } = controllerOf(model);
  return async (parameters: Record<string, string>) => {
    const { volume } = await CreateVolume(createRequest('a', { parameters }));
    const volumeId = volume?.volume_id ?? '';
    return { volumeId, claim: (await pool.records.volumes.read(volumeId)).claim };
  };
}

test('a volume is recorded with the claim that the provisioner names', async () => {
  const { claim } = await nodeThatRecords()({ [NAMESPACE]: 'shop', [NAME]: 'data-db-0' });
  expect(claim).toEqual({ namespace: 'shop', name: 'data-db-0' });
});

test.each([
  ['no key', {}],
  ['a name alone', { [NAME]: 'data' }],
  ['a namespace alone', { [NAMESPACE]: 'shop' }],
  ['an empty name', { [NAMESPACE]: 'shop', [NAME]: '' }],
  ['a name that is too long', { [NAMESPACE]: 'shop', [NAME]: 'x'.repeat(254) }],
])('with %s it is recorded without a claim', async (_, parameters) => {
  expect((await nodeThatRecords()(parameters)).claim).toBeUndefined();
});

test('the claim plays no part when a create is repeated', async () => {
  const create = nodeThatRecords();
  const first = await create({ [NAMESPACE]: 'shop', [NAME]: 'data' });
  expect(await create({})).toEqual(first);
  expect(await create({ [NAMESPACE]: 'other', [NAME]: 'data' })).toEqual(first);
});
