import type { Result } from '../results.ts';
import { worsening } from '../verdict.ts';

/** How many times as bad as the committed ratio a ratio may be beyond noise, before the short form fails. */
const WORSENING_LIMIT = 1.3;

/** One sentence for each result whose ratio is too much worse than the committed one. What is only named may change. */
export function regressionsOf(results: readonly Result[], committed: readonly Result[]): string[] {
  return results.flatMap(({ id, title, unit, bound, ratio }) => {
    const earlier = committed.find((other) => other.id === id);
    if (!earlier || !bound || unit === 'count') return [];
    const factor = worsening(ratio, earlier.ratio, bound);
    if (factor <= WORSENING_LIMIT) return [];
    const change = `${earlier.ratio.median.toFixed(2)} → ${ratio.median.toFixed(2)}`;
    return [
      `WORSE: ${title}: ratio ${change}, ${factor.toFixed(2)} × as bad; the limit is ${WORSENING_LIMIT} ×`,
    ];
  });
}
