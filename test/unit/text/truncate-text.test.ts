import fc from 'fast-check';
import { expect, test } from 'vitest';
import { truncateText } from '../../../src/text/truncate-text.ts';

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
  expect(truncateText(text, limitBytes)).toBe(expected);
});

test('the shortened text fits, has whole characters, and is a prefix of the original', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 40 }), (text, limitBytes) => {
      const left = truncateText(text, limitBytes);
      expect(Buffer.byteLength(left)).toBeLessThanOrEqual(limitBytes);
      expect(Buffer.from(left).toString()).toBe(left);
      if (left !== text) expect(text.startsWith(left.slice(0, -1))).toBe(true);
    }),
  );
});
