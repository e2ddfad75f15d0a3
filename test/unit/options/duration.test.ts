import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../../src/options/duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['10s', 10_000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.25s', 250],
    ['0.1s', 100],
    ['2.s', 2000],
    ['+1s', 1000],
    ['0', 0],
    ['0s', 0],
    ['24h', 86_400_000],
    ['1h1m1s1ms', 3_661_001],
  ])('reads %s as %d ms', (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs);
  });

  it.each(['1ns', '1us', '1µs', '1μs', '0.5ms'])('rounds %s up to a millisecond', (text) => {
    expect(parseDurationMs(text)).toBe(1);
  });

  it.each(['', '10', 's', '.s', '-1s', '1d', '1 s', '10S', '1s 2s', '1e3s'])(
    'refuses %j, which is not a duration',
    (text) => {
      expect(() => parseDurationMs(text)).toThrow(
        `${JSON.stringify(text)} must be a duration such as 10s, 500ms or 1m30s`,
      );
    },
  );

  it.each(['24h1ms', `${'9'.repeat(400)}h`])('refuses a duration of more than a day', (text) => {
    expect(() => parseDurationMs(text)).toThrow('must be at most 24h');
  });
});
