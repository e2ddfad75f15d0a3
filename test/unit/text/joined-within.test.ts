import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinedWithin } from '../../../src/text/joined-within.ts';

test.each([
  [18, ['/a', '/b', '/c', '/d'], 'at /a, /b, /c, /d'],
  [21, ['/aaaaaaaaaa', '/bbbbbbbbbb'], 'at /aaaa…, /bbbb…'],
  [33, ['/aaaa', '/bbbb', '/cccc', '/dddd', '/eeee'], 'at /aaaa, /bbbb, /cccc and 2 more'],
  [10, ['/aaaaaaaaaaaa'], 'at /aaa…'],
  [2, [], ''],
])('in %i bytes, %j are %j', (limitBytes, parts, expected) => {
  expect(joinedWithin(limitBytes, 'at ', parts, ', ')).toBe(expected);
});

test('whatever the words, the limit holds', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 });
  fc.assert(
    fc.property(fc.nat({ max: 150 }), text, fc.array(text), text, (limitBytes, first, parts, separator) => {
      expect(Buffer.byteLength(joinedWithin(limitBytes, first, parts, separator))).toBeLessThanOrEqual(
        limitBytes,
      );
    }),
  );
});
