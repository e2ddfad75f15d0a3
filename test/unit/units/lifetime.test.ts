import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLifetime, parseLifetimeSeconds } from '../../../src/units/lifetime.ts';

test.each([
  ['1s', 1],
  ['90m', 5400],
  ['72h', 259_200],
  ['1d12h', 129_600],
  ['36500d', 3_153_600_000],
])('%s is a lifetime', (text, seconds) => {
  expect(parseLifetimeSeconds(text)).toBe(seconds);
});

test.each(['', '0s', '-1d', '1', 'd', '1w', '1.5h', ' 1h', '36500d1s', `${'9'.repeat(400)}d`])(
  '%j is not a lifetime',
  (text) => {
    expect(parseLifetimeSeconds(text)).toBeUndefined();
  },
);

test('a lifetime is written so that it is read again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_153_600_000 }), (seconds) => {
      expect(parseLifetimeSeconds(formatLifetime(seconds))).toBe(seconds);
    }),
  );
  expect(formatLifetime(259_200)).toBe('3d');
});
