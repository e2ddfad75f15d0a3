import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  directoryNameOf,
  idOfDirectory,
  nameHash,
  newObjectId,
  parseObjectId,
} from '../../../src/model/objects/object-id.ts';

const anyName = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }),
  fc.string({ unit: fc.constantFrom('-', 'x', 'A', 'ü', '/', '.', ' ', '\n'), minLength: 1, maxLength: 128 }),
);
const poolId = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 8, maxLength: 8 });
const ownId = fc.tuple(anyName, poolId).map(([name, pool]) => newObjectId(name, pool));

describe('the id of a new volume', () => {
  test('has at most 128 bytes, of characters that are safe everywhere', () => {
    fc.assert(
      fc.property(ownId, (id) => {
        expect(id).toMatch(/^[a-z0-9][a-z0-9-]*$/);
        expect(id.length).toBeLessThanOrEqual(128);
      }),
    );
  });

  test('contains its name hash and its pool', () => {
    fc.assert(
      fc.property(anyName, poolId, (name, pool) => {
        expect(parseObjectId(newObjectId(name, pool))).toEqual({ nameHash: nameHash(name), poolId: pool });
      }),
    );
  });

  test('shows as much of the name as fits', () => {
    const random = Buffer.from([1, 2, 0xab, 0xff]);
    const hash = nameHash('PVC-1 data');
    expect(newObjectId('PVC-1 data', 'aaaaaaaa', random)).toBe(`pvc-1-data-${hash}-aaaaaaaa-0102abff`);
    expect(newObjectId('../', 'aaaaaaaa', random)).toBe(`unnamed-${nameHash('../')}-aaaaaaaa-0102abff`);
  });

  test('differs each time a name is used', () => {
    expect(newObjectId('a', 'aaaaaaaa')).not.toBe(newObjectId('a', 'aaaaaaaa'));
  });
});

test.each([
  '',
  'a',
  'a-0123456789abcdef-01234567',
  'a-0123456789abcdef-01234567-0123456',
  'a-0123456789ABCDEF-01234567-01234567',
  '-0123456789abcdef-01234567-01234567',
  '../a-0123456789abcdef-01234567-01234567',
  'a-0123456789abcdef-01234567-01234567\n',
  `${'a'.repeat(94)}-0123456789abcdef-01234567-01234567`,
])('%j is not an id of our form', (id) => {
  expect(parseObjectId(id)).toBeUndefined();
});

describe('the directory of an id', () => {
  const anyId = fc.oneof(ownId, anyName, anyName.map(directoryNameOf));

  test('has a name that is a single path component', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(directoryNameOf(id)).toMatch(/^[\w-]+$/);
      }),
    );
  });

  test('can be converted back to the id', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(idOfDirectory(directoryNameOf(id))).toBe(id);
      }),
    );
  });

  test.each(['x', 'x-YWJj', 'X y'])(
    'can be converted back to the id of a volume named %j, which looks encoded',
    (name) => {
      const id = newObjectId(name, 'aaaaaaaa');
      expect(idOfDirectory(directoryNameOf(id))).toBe(id);
    },
  );

  test.each(['lost+found', 'x-', 'plain'])('%s, of neither form, is its own name', (name) => {
    expect(idOfDirectory(name)).toBe(name);
  });
});
