import { expect, test } from 'vitest';
import { accountsOf, findPlace, placeOf, requirePlace } from '../../../src/model/space/place.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';

const classes = { gold: 10n, silver: 20n };

test.each<[string | undefined, string, string | undefined]>([
  ['default', 'default', undefined],
  ['fast', 'fast', undefined],
  ['gold', 'default', 'gold'],
  [undefined, 'default', 'silver'],
])('the name %j stands for pool %s and class %s', (name, pool, capacityClass) => {
  const { model } = fakeNode({ classes });
  const place = requirePlace(model, name);
  expect([place.pool.name, place.capacityClass]).toEqual([pool, capacityClass]);
});

test('without a name it is the class with the most room left', () => {
  const { model, pool } = fakeNode({ classes });
  pool.classes.get('silver')?.reserve(15n);
  expect(findPlace(model, undefined)?.capacityClass).toBe('gold');
});

test('without a name and without classes it is the default pool', () => {
  expect(findPlace(fakeNode().model, undefined)).toMatchObject({ capacityClass: undefined });
});

test('a name of nothing is told with every name there is', () => {
  const { model } = fakeNode({ classes });
  expect(findPlace(model, 'slow')).toBeUndefined();
  expect(() => requirePlace(model, 'slow')).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      about: 'pool',
      message: '"slow" is no pool; there are default, fast, gold, silver',
    }),
  );
});

test('a volume counts against its pool, and against its class as long as that is configured', () => {
  const { model, pool } = fakeNode({ classes });
  const accountsFor = (capacityClass: string | undefined) =>
    accountsOf(placeOf(model, exampleVolume({ capacityClass })));
  expect(accountsFor(undefined)).toEqual([pool.account]);
  expect(accountsFor('gold')).toEqual([pool.account, pool.classes.get('gold')]);
  expect(accountsFor('gone')).toEqual([pool.account]);
});
