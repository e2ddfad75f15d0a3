import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listPosition, POSITION_LIMIT_BYTES } from '../../../src/model/requests/list-position.ts';

const anyId = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });

test('a short id is its own position', () => {
  for (const id of ['a', 'pvc-1', 'é'.repeat(44), 'x'.repeat(89)]) expect(listPosition(id)).toBe(id);
});

test('a long id is shortened to its beginning, within the size of a token', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      const position = listPosition(id);
      const bytes = Buffer.byteLength(id);
      if (bytes < POSITION_LIMIT_BYTES) expect(position).toBe(id);
      else expect(Buffer.byteLength(position)).toBe(POSITION_LIMIT_BYTES);
      expect(position.slice(0, 16)).toBe(id.slice(0, 16));
    }),
  );
});

test('two ids never have the same position, however similar they are', () => {
  const start = 'x'.repeat(125);
  const alike = Array.from({ length: 1000 }, (_, index) => start + String(index).padStart(3, '0'));
  const positions = new Set([...alike, ...alike.map(listPosition)].map(listPosition));
  expect(positions.size).toBe(2000);
});
