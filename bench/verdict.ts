import { median, medianInterval } from './statistics.ts';

/** What a ratio must not exceed, or must reach. */
export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** One measurement of the driver and, right after it or before it, one of what it is compared with. */
export interface Pair {
  readonly subject: number;
  readonly reference: number;
}

/** The ratio of several pairs. That of any number of pairs lies between `lower` and `upper`, with a confidence of 95 %. */
export interface Ratio {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

export function ratioOf(pairs: readonly Pair[]): Ratio {
  const ratios = pairs.map(({ subject, reference }) => subject / reference);
  return { median: median(ratios), ...medianInterval(ratios) };
}

/** Whether a ratio keeps its bound. If the bound lies within its interval, the pairs do not tell, and the verdict is the interval. */
export function verdictOf(ratio: Ratio, bound: Bound | undefined): string {
  if (!bound) return 'named';
  if (!isCertain(ratio, bound)) return `noise: spread ${ratio.lower.toFixed(2)}–${ratio.upper.toFixed(2)}`;
  if (isKept(ratio.median, bound)) return 'kept';
  return isNone(bound) ? 'missed' : `missed by ${missedPercent(ratio.median, bound)} %`;
}

/** Whether more pairs would hardly change what is said of a ratio and its bound. */
export function isCertain({ lower, upper }: Ratio, bound: Bound | undefined): boolean {
  return !bound || isKept(lower, bound) === isKept(upper, bound);
}

function isKept(ratio: number, bound: Bound): boolean {
  return 'atMost' in bound ? ratio <= bound.atMost : ratio >= bound.atLeast;
}

function missedPercent(ratio: number, bound: Bound): number {
  const share = 'atMost' in bound ? ratio / bound.atMost - 1 : 1 - ratio / bound.atLeast;
  return Math.max(1, Math.round(share * 100));
}

/**
 * How many times as bad a ratio is as an earlier one, beyond what noise makes of both: the better end of the interval of the one
 * against the worse end of the other. Where a ratio must be high, a lower one is worse.
 */
export function worsening(ratio: Ratio, earlier: Ratio, bound: Bound | undefined): number {
  return bound && 'atLeast' in bound ? earlier.lower / ratio.upper : ratio.lower / earlier.upper;
}

/** Whether there must be nothing of what is counted, so that a ratio means nothing. */
function isNone(bound: Bound): boolean {
  return 'atMost' in bound && bound.atMost === 0;
}

export function boundText(bound: Bound | undefined): string {
  if (!bound) return '';
  if (isNone(bound)) return 'none';
  return 'atMost' in bound ? `≤ ${bound.atMost} ×` : `≥ ${bound.atLeast} ×`;
}
