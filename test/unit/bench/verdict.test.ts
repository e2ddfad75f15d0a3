import { describe, expect, it } from 'vitest';
import { median, medianInterval } from '../../../bench/statistics.ts';
import { boundText, isCertain, type Pair, ratioOf, verdictOf, worsening } from '../../../bench/verdict.ts';

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

  it('spans all values until there are six, and then fewer and fewer at each end', () => {
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => count - index);
    expect(medianInterval([3, 1, 2])).toEqual({ lower: 1, upper: 3 });
    expect(medianInterval(upTo(5))).toEqual({ lower: 1, upper: 5 });
    // As the tables of the sign test have them.
    expect(medianInterval(upTo(6))).toEqual({ lower: 1, upper: 6 });
    expect(medianInterval(upTo(9))).toEqual({ lower: 2, upper: 8 });
    expect(medianInterval(upTo(15))).toEqual({ lower: 4, upper: 12 });
    expect(medianInterval(upTo(25))).toEqual({ lower: 8, upper: 18 });
    expect(medianInterval(upTo(45))).toEqual({ lower: 16, upper: 30 });
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
    expect(ratio).toEqual({ median: 3, lower: 2, upper: 500 });
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

  it('is the interval of the ratio if the bound is in it', () => {
    expect(verdict({ atMost: 2 }, 1, 1.5, 2.5, 3, 3)).toBe('noise: spread 1.00–3.00');
  });

  it('is not decided by a single round', () => {
    expect(verdict({ atMost: 2 }, 1, 1, 1, 1, 1, 1, 1, 1, 9)).toBe('kept');
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

describe('certainty', () => {
  it('grows with the number of pairs, and there is nothing to be certain of without a bound', () => {
    const ratios = [1, 1.5, 1.8, 1.9, 2.4];
    expect(isCertain(ratioOf(pairs(...ratios)), { atMost: 2 })).toBe(false);
    expect(isCertain(ratioOf(pairs(...ratios, ...ratios, ...ratios, ...ratios)), { atMost: 2 })).toBe(true);
    expect(isCertain(ratioOf(pairs(...ratios)), undefined)).toBe(true);
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
