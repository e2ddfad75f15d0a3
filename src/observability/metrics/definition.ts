/** The labels of one time series. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A metric, as docs/reference/metrics.md describes it. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly labels: readonly string[];
  /** What its value is. */
  readonly unit: 'bytes' | 'seconds' | 'number' | '0 or 1' | 'always 1' | 'Unix time in seconds';
  /** One sentence. */
  readonly meaning: string;
}

/** A metric whose values are looked up at each scrape. */
export interface SampledMetric<Scrape> extends MetricDefinition {
  readonly type: 'gauge' | 'counter';
  samples(scrape: Scrape): Iterable<Sample>;
}

/** The sample of a value that may be unknown: none if it is. */
export function sampleIfKnown(labels: Labels, value: bigint | number | boolean | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value: Number(value) }];
}
