import { expect, test } from 'vitest';
import { createVolume, deleteVolume, type VolumeSpec } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { volumeSpec } from './fakes/requests.ts';

const classes = { gold: 10n, silver: 20n };

/** A node whose default pool has two classes, and a way to make volumes of a few bytes. */
function nodeWithClasses() {
  const node = fakeNode({ classes, elsewhere: ['far', 'away', 'fast'] });
  const make = (bytes: bigint, changes: Partial<VolumeSpec> = {}) =>
    createVolume(node.model, volumeSpec({ range: { requiredBytes: bytes, limitBytes: 0n }, ...changes }));
  const { pool } = node;
  const reserved = () =>
    [pool.account, pool.classes.get('gold'), pool.classes.get('silver')].map((each) => each?.reservedBytes);
  return { ...node, make, reserved };
}

// The pool named fast is on this node and on others.
test.each<[string[], string, string | undefined]>([
  [['default'], 'default', undefined],
  [['fast'], 'fast', undefined],
  [['gold'], 'default', 'gold'],
  [['far', 'gold'], 'default', 'gold'],
  [[], 'default', 'silver'],
])('a volume for the names %j is in the pool %s and the class %s', async (pools, pool, capacityClass) => {
  expect(await nodeWithClasses().make(1n, { pools })).toMatchObject({ pool, capacityClass });
});

test('without a name a volume is in the class with the most free capacity', async () => {
  const { make } = nodeWithClasses();
  await make(15n, { name: 'large', pools: ['silver'] });
  expect((await make(1n)).capacityClass).toBe('gold');
});

test.each([[['slow']], [['fast', 'slow']], [['far', 'slow']]])(
  'an unknown name is refused with every existing name: %j',
  async (pools) => {
    await expect(nodeWithClasses().make(1n, { pools })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'pool',
      message: '"slow" is an unknown pool; available: default, fast, gold, silver',
    });
  },
);

test('pools that only other nodes have are not an error of the request', async () => {
  await expect(nodeWithClasses().make(1n, { pools: ['far', 'away'] })).rejects.toMatchObject({
    kind: 'exhausted',
    about: 'pool',
    message: '"far,away" is not on this node, only on others',
  });
});

test('a volume counts against its pool, and against its class while that is configured', async () => {
  const { model, addVolume, make, reserved } = nodeWithClasses();
  await make(1n, { name: 'a', pools: ['default'] });
  expect(reserved()).toEqual([1n, 0n, 0n]);
  const { id } = await make(2n, { name: 'b', pools: ['gold'] });
  expect(reserved()).toEqual([3n, 2n, 0n]);
  const old = await addVolume('c', { capacityClass: 'gone', capacityBytes: 4n });
  expect(reserved()).toEqual([7n, 2n, 0n]);
  await deleteVolume(model, old.id);
  await deleteVolume(model, id);
  expect(reserved()).toEqual([1n, 0n, 0n]);
});
