/** The middle of some values, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there are no values');
  const sorted = ascending(values);
  const [below = 0, above = below] = sorted.slice(Math.ceil(sorted.length / 2) - 1);
  return sorted.length % 2 === 1 ? below : (below + above) / 2;
}

/** How often the interval of a measurement has the true median in it. */
const CONFIDENCE = 0.95;

/**
 * The interval that has the median of all possible values with a confidence of 95 %: from the k-th smallest to the k-th largest of
 * these. How much single values stray does not matter. The more values, the narrower; below six, it spans them all.
 */
export function medianInterval(values: readonly number[]): {
  readonly lower: number;
  readonly upper: number;
} {
  const sorted = ascending(values);
  const excluded = excludedAtEachEnd(sorted.length);
  return { lower: sorted.at(excluded) ?? Number.NaN, upper: sorted.at(-1 - excluded) ?? Number.NaN };
}

/** Each value is as likely above the median as below it, so that the number below it has a binomial distribution. */
function excludedAtEachEnd(count: number): number {
  let probability = 0.5 ** count;
  let sum = probability;
  for (let excluded = 0; ; excluded++) {
    probability *= (count - excluded) / (excluded + 1);
    sum += probability;
    if (sum > (1 - CONFIDENCE) / 2) return excluded;
  }
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
