import type { Bench } from './bench.ts';
import type { Bound, Pair } from './verdict.ts';

/** What is measured of a line, with a bound of its own. */
export interface Measurement {
  /** Unique among all; the same from run to run. */
  readonly id: string;
  readonly title: string;
  /** What it is compared with. */
  readonly against: string;
  readonly unit: 'µs' | 'ms' | 's' | 'MiB' | '1/s' | 'count';
  /** Undefined if the value is only named. */
  readonly bound: Bound | undefined;
  readonly pairs: readonly Pair[];
}

/** One line of the table. */
export interface Line {
  /** Selects it on the command line. */
  readonly name: string;
  /** Whether it is fast enough, and steady enough, for the short form. */
  readonly isShort: boolean;
  measure(bench: Bench): AsyncIterable<Measurement>;
}
