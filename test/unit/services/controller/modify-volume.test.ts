import { expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import type { Features } from '../../../../src/model/settings.ts';
import type { CreateVolumeRequest } from '../../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf, servicesOf } from '../calls.ts';

const all: Features['mutableParameters'] = new Set(['onDelete', 'inodeLimit']);
const create: CreateVolumeRequest = {
  name: 'b',
  volume_capabilities: [{ mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } }],
};

async function nodeWithVolume(mutableParameters: Features['mutableParameters'] = all) {
  const node = fakeNode({ features: { mutableParameters } });
  const { id: volume_id } = await node.addVolume();
  const { model } = node;
  const mutableOf = (id = volume_id) => model.catalogue.volumes.find(id)?.mutable;
  return { ...node, volume_id, mutableOf, controller: controllerOf(model) };
}

test('the named parameters are changed, and can be changed again', async () => {
  const { controller, volume_id, mutableOf } = await nodeWithVolume();
  const request = { volume_id, mutable_parameters: { onDelete: 'retain' } };
  expect(await controller.ControllerModifyVolume(request)).toEqual({});
  expect(await controller.ControllerModifyVolume(request)).toEqual({});
  expect(mutableOf()?.onDelete).toBe('retain');
});

test.each([
  ['volume_id is required', { volume_id: '' }],
  ['mutable_parameters is required', { mutable_parameters: {} }],
  ['does not exist', { volume_id: newObjectId('b', 'aaaaaaaa') }],
  [
    'mutable_parameters: unknown parameter "colour"',
    { mutable_parameters: { onDelete: 'retain', colour: 'blue' } },
  ],
  ['inodeLimit: 5000 cannot be enforced', { mutable_parameters: { onDelete: 'retain', inodeLimit: '5000' } }],
])('is refused, without partial changes: %s', async (message, changes: object) => {
  const { controller, volume_id, mutableOf } = await nodeWithVolume();
  const request = { volume_id, mutable_parameters: { onDelete: 'retain' }, ...changes };
  await expect(controller.ControllerModifyVolume(request)).rejects.toThrow(message);
  expect(mutableOf()).toEqual({ onDelete: 'delete', inodeLimit: undefined, opaque: {} });
});

test('a volume can be created with them; created again with others it differs', async () => {
  const { controller, mutableOf } = await nodeWithVolume();
  const request = { ...create, mutable_parameters: { onDelete: 'retain' } };
  const { volume } = await controller.CreateVolume(request);
  expect(mutableOf(volume?.volume_id)).toEqual({ onDelete: 'retain', inodeLimit: undefined, opaque: {} });
  expect((await controller.CreateVolume(request)).volume?.volume_id).toBe(volume?.volume_id);
  // A request without any matches.
  expect((await controller.CreateVolume(create)).volume?.volume_id).toBe(volume?.volume_id);
  await expect(
    controller.CreateVolume({ ...create, mutable_parameters: { onDelete: 'delete' } }),
  ).rejects.toThrow('already exists, with onDelete retain');
});

test('a volume is not created with a parameter that its kind does not support', async () => {
  const { controller, model } = await nodeWithVolume();
  const request = { ...create, mutable_parameters: { inodeLimit: '5000' } };
  await expect(controller.CreateVolume(request)).rejects.toThrow('a plain directory');
  expect(model.catalogue.volumes.findByName('b')).toBeUndefined();
});

test('the assumed current values of a volume are confirmed, or corrected', async () => {
  const { controller, volume_id } = await nodeWithVolume();
  const { volume_capabilities = [] } = create;
  const validate = (mutable_parameters: Record<string, string>) =>
    controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities, mutable_parameters });
  const { confirmed } = await validate({ onDelete: 'delete' });
  expect(confirmed?.mutable_parameters).toEqual({ onDelete: 'delete' });
  const { confirmed: none, message } = await validate({ onDelete: 'retain' });
  expect(none).toBeNull();
  expect(message).toBe('mutable_parameters: the volume has onDelete delete');
});

test('an accepted name without a meaning here is stored, changed and returned', async () => {
  const { controller, pool } = await nodeWithVolume(new Set(['e2eVacTest', 'pool']));
  const mutable_parameters = { e2eVacTest: 'a', 'csi.storage.k8s.io/pvc/name': 'claim' };
  const { volume } = await controller.CreateVolume({ ...create, mutable_parameters });
  expect(volume?.volume_context).toEqual({
    e2eVacTest: 'a',
    pool: 'default',
    backend: 'directory',
    capacityEnforced: 'false',
    dfShows: 'pool',
  });
  const { volume_id = '', volume_context = {} } = volume ?? {};
  await controller.ControllerModifyVolume({ volume_id, mutable_parameters: { e2eVacTest: 'b' } });
  const changed = await controller.ControllerGetVolume({ volume_id });
  expect(changed.volume?.volume_context).toEqual({ ...volume_context, e2eVacTest: 'b' });
  const { found } = await pool.records.volumes.load();
  expect(found.map(({ mutable }) => mutable.opaque)).toContainEqual({ e2eVacTest: 'b' });
  // A PersistentVolume keeps its original context.
  const { volume_capabilities = [] } = create;
  const validated = await controller.ValidateVolumeCapabilities({
    volume_id,
    volume_capabilities,
    volume_context,
  });
  expect(validated.confirmed?.volume_context).toEqual(volume_context);
});

test("an accepted name does not override the volume's own context", async () => {
  const { controller } = await nodeWithVolume(new Set(['pool']));
  const { volume } = await controller.CreateVolume({ ...create, mutable_parameters: { pool: 'forged' } });
  expect(volume?.volume_context).toMatchObject({ pool: 'default' });
});

test("Kubernetes' own keys change nothing, alone or beside others", async () => {
  const { controller, volume_id, mutableOf } = await nodeWithVolume();
  const mutable_parameters = { 'csi.storage.k8s.io/pvc/name': 'claim' };
  await controller.ControllerModifyVolume({ volume_id, mutable_parameters });
  expect(mutableOf()).toEqual({ onDelete: 'delete', inodeLimit: undefined, opaque: {} });
  await controller.ControllerModifyVolume({
    volume_id,
    mutable_parameters: { ...mutable_parameters, onDelete: 'retain' },
  });
  expect(mutableOf()?.onDelete).toBe('retain');
});

test('if nothing can be changed there is neither call nor capability', async () => {
  const { model } = fakeNode();
  expect(await servicesOf(model).call('Controller', 'ControllerModifyVolume', {})).toBe('UNIMPLEMENTED');
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).not.toContain('MODIFY_VOLUME');
  await expect(
    controllerOf(model).CreateVolume({ ...create, mutable_parameters: { onDelete: 'retain' } }),
  ).rejects.toThrow('MODIFY_VOLUME');
});
