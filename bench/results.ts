import { cpus, release } from 'node:os';
import type { Measurement } from './measurement.ts';
import { median } from './statistics.ts';
import { type Bound, type Ratio, ratioOf, verdictOf } from './verdict.ts';

/** A measurement in numbers, as in results.json. */
export interface Result extends Pick<Measurement, 'id' | 'title' | 'against' | 'unit'> {
  readonly bound: Bound | null;
  /** The median of all rounds. */
  readonly subject: number;
  readonly reference: number;
  readonly ratio: Ratio;
  readonly rounds: number;
  readonly verdict: string;
}

export interface Results {
  readonly machine: string;
  readonly date: string;
  readonly results: readonly Result[];
}

export function resultOf({ id, title, against, unit, bound, pairs }: Measurement): Result {
  const ratio = ratioOf(pairs);
  return {
    id,
    title,
    against,
    unit,
    bound: bound ?? null,
    subject: rounded(median(pairs.map(({ subject }) => subject))),
    reference: rounded(median(pairs.map(({ reference }) => reference))),
    ratio: { median: rounded(ratio.median), lower: rounded(ratio.lower), upper: rounded(ratio.upper) },
    rounds: pairs.length,
    verdict: verdictOf(ratio, bound),
  };
}

export function resultsOf(results: readonly Result[], date: Date): Results {
  const processors = cpus();
  const machine = `Linux ${release()}, ${process.arch}, ${processors.length} × ${processors[0]?.model}, Node.js ${process.version}`;
  return { machine, date: date.toISOString().slice(0, 10), results };
}

/**
 * Results with those of a later run in their place. Results of another machine are dropped: ratios differ between machines.
 */
export function replaced(before: Results, now: Results): Results {
  if (before.machine !== now.machine) return now;
  const newer = new Map(now.results.map((result) => [result.id, result]));
  const known = before.results.map((result) => newer.get(result.id) ?? result);
  const added = now.results.filter(({ id }) => !before.results.some((result) => result.id === id));
  return { ...now, results: [...known, ...added] };
}

/** To four digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
