import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinWithinLimit } from '../../../src/text/truncate-text.ts';

test.each([
  [18, ['/a', '/b', '/c', '/d'], 'at /a, /b, /c, /d'],
  [21, ['/aaaaaaaaaa', '/bbbbbbbbbb'], 'at /aaaa…, /bbbb…'],
  [33, ['/aaaa', '/bbbb', '/cccc', '/dddd', '/eeee'], 'at /aaaa, /bbbb, /cccc and 2 more'],
  [10, ['/aaaaaaaaaaaa'], 'at /aaa…'],
  [2, [], ''],
])('in %i bytes, %j are %j', (limitBytes, parts, expected) => {
  expect(joinWithinLimit(limitBytes, 'at ', parts, ', ')).toBe(expected);
});

test('the limit holds for any words', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 });
  fc.assert(
    fc.property(fc.nat({ max: 150 }), text, fc.array(text), text, (limitBytes, first, parts, separator) => {
      expect(Buffer.byteLength(joinWithinLimit(limitBytes, first, parts, separator))).toBeLessThanOrEqual(
        limitBytes,
      );
    }),
  );
});
