import { describe, expect, it } from 'vitest';
import { resolveVolumeLimit } from '../../../src/options.ts';

const never = () => {
  throw new Error('no random number is needed');
};

describe('resolveVolumeLimit', () => {
  it('is unlimited without either flag', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 0, attachLimit: 0 }, never)).toBe(0);
  });

  it('uses the older flag if the newer one is not given', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: 0 }, never)).toBe(7);
  });

  it('prefers the newer flag if both are given', () => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: 3 }, never)).toBe(3);
  });

  it.each([
    [0, 1],
    [0.35, 4],
    [0.999, 10],
  ])('turns the random number %d into the limit %d if the newer flag is -1', (number, limit) => {
    expect(resolveVolumeLimit({ maxVolumesPerNode: 7, attachLimit: -1 }, () => number)).toBe(limit);
  });
});
