import { describe, expect, it } from 'vitest';
import { median, quantile } from '../../../bench/statistics.ts';
import { boundText, type Pair, ratioOf, verdictOf, worsening } from '../../../bench/verdict.ts';

const pairs = (...ratios: number[]): Pair[] =>
  ratios.map((ratio) => ({ subject: ratio * 10, reference: 10 }));
const verdict = (bound: Parameters<typeof verdictOf>[1], ...ratios: number[]) =>
  verdictOf(ratioOf(pairs(...ratios)), bound);

describe('statistics', () => {
  it('takes the middle value, or the mean of the middle two, in any order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('interpolates a quantile between its neighbours', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
  });

  it('refuses to summarize nothing', () => {
    expect(() => median([])).toThrow('no values');
  });
});

describe('the ratio of a measurement', () => {
  it('is the median of the ratios of its pairs, so that one slow round does not decide', () => {
    const ratio = ratioOf([
      { subject: 20, reference: 10 },
      { subject: 900, reference: 300 },
      { subject: 5000, reference: 10 },
    ]);
    expect(ratio).toEqual({ median: 3, lower: 2.5, upper: 251.5 });
  });
});

describe('a verdict', () => {
  it('is kept at the bound and on its good side', () => {
    expect(verdict({ atMost: 2 }, 1.9, 2, 2)).toBe('kept');
    expect(verdict({ atLeast: 5 }, 5, 6, 7)).toBe('kept');
  });

  it('says by how much of the bound a ratio misses it', () => {
    expect(verdict({ atMost: 2 }, 3, 3, 3)).toBe('missed by 50 %');
    expect(verdict({ atLeast: 10 }, 8, 8, 8)).toBe('missed by 20 %');
  });

  it('never calls a missed bound missed by nothing', () => {
    expect(verdict({ atMost: 2 }, 2.001, 2.001)).toBe('missed by 1 %');
  });

  it('is the spread if the repeats disagree', () => {
    expect(verdict({ atMost: 2 }, 1, 1.5, 2.5, 3, 3)).toBe('noise: spread 1.50–3.00');
  });

  it('is not decided by a single round', () => {
    expect(verdict({ atMost: 2 }, 1, 1, 1, 1, 9)).toBe('kept');
  });

  it('does not measure by how much something happened that must not happen', () => {
    expect(verdictOf(ratioOf([{ subject: 3, reference: 1 }]), { atMost: 0 })).toBe('missed');
    expect(verdictOf(ratioOf([{ subject: 0, reference: 1 }]), { atMost: 0 })).toBe('kept');
    expect(boundText({ atMost: 0 })).toBe('none');
  });

  it('is absent without a bound', () => {
    expect(verdict(undefined, 3)).toBe('named');
  });
});

describe('a comparison with an earlier ratio', () => {
  it('is greater than one if the ratio became worse, whichever way is worse', () => {
    const exactly = (ratio: number) => ({ median: ratio, lower: ratio, upper: ratio });
    expect(worsening(exactly(3), exactly(2), { atMost: 2 })).toBe(1.5);
    expect(worsening(exactly(2), exactly(3), { atLeast: 5 })).toBe(1.5);
  });

  it('is not greater than one if noise explains it', () => {
    const noisy = { median: 2, lower: 1, upper: 3 };
    const worse = { median: 4, lower: 2.4, upper: 5 };
    expect(worsening(worse, noisy, { atMost: 2 })).toBeCloseTo(0.8);
    expect(worsening(noisy, worse, { atLeast: 5 })).toBeCloseTo(0.8);
  });
});
