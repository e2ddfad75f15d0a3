import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { createRequest } from '../../../support/requests.ts';
import { type FakeModelSettings, fakeNode } from '../../model/fakes/model.ts';
import { controllerOf, servicesOf } from '../calls.ts';

const MIB = 1024n ** 2n;
const either = { pool: 'fast,default' };

/** A node whose pool `default` has room for this many MiB, and `fast` for so many. */
function nodeWith(defaultMiB: bigint, fastMiB: bigint, settings: FakeModelSettings = {}) {
  const node = fakeNode({ capacityBytes: defaultMiB * MIB, ...settings });
  node.fastPool.account.limitBytes = fastMiB * MIB;
  const controller = controllerOf(node.model);
  const create = async (name: string, mebibytes: number, changes = {}) => {
    const capacity_range = { required_bytes: mebibytes * Number(MIB) };
    const { volume } = await controller.CreateVolume(
      createRequest(name, { capacity_range, parameters: either, ...changes }),
    );
    return volume?.volume_context?.['pool'];
  };
  return { ...node, controller, create };
}

describe('a volume that may be in several pools', () => {
  test('is created where the most capacity is available', async () => {
    const { create } = nodeWith(10n, 15n);
    expect(await create('a', 6)).toBe('fast');
    expect(await create('b', 6)).toBe('default');
    expect(await create('c', 6)).toBe('fast');
    await expect(create('d', 6)).rejects.toMatchObject({ kind: 'exhausted' });
    expect(await create('e', 4)).toBe('default');
  });

  test('is found again by a retry, although another pool has more room by then', async () => {
    const { create, controller, model } = nodeWith(10n, 15n);
    const request = createRequest('a', {
      capacity_range: { required_bytes: Number(14n * MIB) },
      parameters: either,
    });
    const { volume } = await controller.CreateVolume(request);
    expect((await controller.CreateVolume(request)).volume).toEqual(volume);
    expect(await create('a', 14, { parameters: { pool: 'default,fast' } })).toBe('fast');
    await expect(create('a', 14, { parameters: { pool: 'default' } })).rejects.toMatchObject({
      kind: 'already-exists',
    });
    expect([...model.catalogue.volumes.all()]).toHaveLength(1);
  });

  test('is never in a pool that does not suit it, however much room that has', async () => {
    const { create, fastPool, controller } = nodeWith(10n, 50n);
    fastPool.abilities = { ...fastPool.abilities, hasImages: false };
    const parameters = { ...either, backend: 'image' };
    expect(await create('a', 8, { parameters })).toBe('default');
    await expect(create('b', 8, { parameters })).rejects.toMatchObject({ kind: 'exhausted' });
    const { available_capacity, maximum_volume_size } = await controller.GetCapacity({ parameters });
    expect([available_capacity, maximum_volume_size?.value]).toEqual([`${2n * MIB}`, `${2n * MIB}`]);
  });

  test('that suits none is refused as invalid', async () => {
    const { create } = nodeWith(10n, 50n, { hasImages: false });
    await expect(create('a', 8, { parameters: { ...either, backend: 'image' } })).rejects.toMatchObject({
      kind: 'invalid',
    });
  });

  test('takes the next pool if its room is taken in the meantime', async () => {
    const { create } = nodeWith(10n, 11n);
    const pools = await Promise.all(['a', 'b'].map((name) => create(name, 8)));
    expect(pools.sort()).toEqual(['default', 'fast']);
  });

  test('is refused while one of the pools is unreachable: it may be there already', async () => {
    const { create, fastPool, model } = nodeWith(10n, 1n);
    fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(create('a', 2)).rejects.toMatchObject({ kind: 'unavailable' });
    expect([...model.catalogue.volumes.all()]).toEqual([]);
  });

  test('stays in the pool of its content source while that has room', async () => {
    const { addVolume, create } = nodeWith(10n, 50n);
    const { id: volume_id } = await addVolume('source', { capacityBytes: 4n * MIB });
    const copy = { volume_content_source: { volume: { volume_id } } };
    expect(await create('a', 4, copy)).toBe('default');
    expect(await create('b', 4, copy)).toBe('fast');
    expect(await create('c', 1, { ...copy, parameters: { pool: 'fast' }, capacity_range: null })).toBe(
      'fast',
    );
  });
});

describe('GetCapacity for several pools', () => {
  test('is that of the roomiest, which is the largest volume that can be created', async () => {
    const { controller, create } = nodeWith(10n, 15n, { maximumVolumeBytes: 12n * MIB });
    const capacity = () => controller.GetCapacity({ parameters: either });
    expect(await capacity()).toEqual({
      available_capacity: `${15n * MIB}`,
      maximum_volume_size: { value: `${12n * MIB}` },
      minimum_volume_size: { value: '1' },
    });
    expect(await create('a', 12)).toBe('fast');
    expect(await capacity()).toMatchObject({ available_capacity: `${10n * MIB}` });
    expect(await create('b', 10)).toBe('default');
    expect(await capacity()).toMatchObject({ available_capacity: `${3n * MIB}` });
    expect(await create('c', 3)).toBe('fast');
    expect(await capacity()).toMatchObject({
      available_capacity: '0',
      maximum_volume_size: { value: '0' },
    });
  });

  test('is unavailable while one of them is unreachable', async () => {
    const { controller, fastPool } = nodeWith(10n, 15n);
    fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(controller.GetCapacity({ parameters: either })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});

describe('a pool that only other nodes have', () => {
  const elsewhere = ['far'];

  test.each(['far', 'far,far'])(
    '%s: the CO is asked to try another node, and sees no capacity',
    async (pool) => {
      const { model } = fakeNode({ elsewhere });
      const request = createRequest('a', { parameters: { pool } });
      expect(await servicesOf(model).call('Controller', 'CreateVolume', request)).toBe('RESOURCE_EXHAUSTED');
      await expect(controllerOf(model).CreateVolume(request)).rejects.toMatchObject({
        message: expect.stringMatching(/^parameters\.pool: "far(,far)?" is not on this node/),
      });
      expect(await controllerOf(model).GetCapacity({ parameters: { pool } })).toEqual({
        available_capacity: '0',
        maximum_volume_size: { value: '0' },
        minimum_volume_size: { value: '0' },
      });
    },
  );

  test('is passed over in a list', async () => {
    const { create, controller } = nodeWith(10n, 15n, { elsewhere });
    const parameters = { pool: 'far,default' };
    expect(await create('a', 2, { parameters })).toBe('default');
    expect(await controller.GetCapacity({ parameters })).toMatchObject({
      available_capacity: `${8n * MIB}`,
    });
  });

  test.each(['slow', 'far,slow'])('is not one that no node has: %s', async (pool) => {
    const { model } = fakeNode({ elsewhere });
    const request = createRequest('a', { parameters: { pool } });
    expect(await servicesOf(model).call('Controller', 'CreateVolume', request)).toBe('INVALID_ARGUMENT');
  });
});
