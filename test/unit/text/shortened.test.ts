import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shortened } from '../../../src/text/shortened.ts';

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abc…'],
  ['ééé', 6, 'ééé'],
  ['éééé', 6, 'é…'],
  ['a\u{1f4be}b\u{1f4be}', 8, 'a\u{1f4be}…'],
  ['\u{1f4be}\u{1f4be}', 6, '…'],
  ['abcd', 3, '…'],
  ['abcd', 2, ''],
  ['', 0, ''],
])('%j in %i bytes is %j', (text, limitBytes, expected) => {
  expect(shortened(text, limitBytes)).toBe(expected);
});

test('whatever is left fits, is whole characters, and begins as the text does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 40 }), (text, limitBytes) => {
      const left = shortened(text, limitBytes);
      expect(Buffer.byteLength(left)).toBeLessThanOrEqual(limitBytes);
      expect(Buffer.from(left).toString()).toBe(left);
      if (left !== text) expect(text.startsWith(left.slice(0, -1))).toBe(true);
    }),
  );
});
