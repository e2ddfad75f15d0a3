import { describe, expect, it } from 'vitest';
import { resolveVolumeLimit } from '../../../src/options/volume-limit.ts';

const never = () => {
  throw new Error('no random number is needed');
};

describe('resolveVolumeLimit', () => {
  it('is no limit where neither flag is given', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 0, attachLimit: 0 }, never)).toBe(0);
  });

  it('takes the older flag where the newer one is not given', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: 0 }, never)).toBe(7);
  });

  it('prefers the newer flag where both are given', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: 3 }, never)).toBe(3);
  });

  it.each([
    [0, 1],
    [0.35, 4],
    [0.999, 10],
  ])('makes the random number %d the limit %d where the newer flag is -1', (number, limit) => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: -1 }, () => number)).toBe(limit);
  });
});
