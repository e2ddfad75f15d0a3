import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSameSet } from '../../../src/model/requests/same-set.ts';

const names = fc.array(fc.string({ maxLength: 2 }), { maxLength: 8 });

test('order and repetition make no difference', () => {
  const shuffled = names.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
  );
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      expect(isSameSet(list, other)).toBe(true);
    }),
  );
});

test('one thing more or less does', () => {
  fc.assert(
    fc.property(names, fc.string({ minLength: 3, maxLength: 3 }), (list, added) => {
      expect(isSameSet(list, [...list, added])).toBe(false);
      expect(isSameSet([...list, added], list)).toBe(false);
    }),
  );
});

test('lists that have as many things, but not the same, differ', () => {
  expect(isSameSet(['a', 'b'], ['a', 'c'])).toBe(false);
});
