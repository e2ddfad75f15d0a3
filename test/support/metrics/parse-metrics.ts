/** One line of a metric. */
export interface ParsedSample {
  /** With the suffix of a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all its lines. */
export interface ParsedMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

const NAME = '[a-zA-Z_][a-zA-Z0-9_]*';
const helpLine = new RegExp(`^# HELP (${NAME}) (.+)$`);
const typeLine = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary)$`);
const sampleLine = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const labelStart = new RegExp(`^(${NAME})="`);
const value = /^(?:[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf)|nan)$/i;

/**
 * Parses Prometheus' text format 0.0.4, and is stricter than a scraper has to be: each metric has a help and a type, in
 * this order, before its lines, which are together and all different.
 * @throws Error that quotes the first line that breaks a rule
 */
export function parseMetrics(text: string): Map<string, ParsedMetric> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line break');
  const metrics = new Map<string, ParsedMetric>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: ParsedMetric | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const refuse = (why: string) => new Error(`${why}: ${line}`);
    const [, helpName, helpText] = helpLine.exec(line) ?? [];
    if (helpName !== undefined && helpText !== undefined) {
      if (metrics.has(helpName)) throw refuse('a metric occurs twice');
      help = { name: helpName, text: helpText };
      continue;
    }
    const [, typeName, type] = typeLine.exec(line) ?? [];
    if (typeName !== undefined && type !== undefined) {
      if (help?.name !== typeName) throw refuse('a type without a help before it');
      current = { name: typeName, type, help: help.text, samples: [] };
      metrics.set(typeName, current);
      continue;
    }
    const sample = parseSample(line, refuse);
    if (!current || !belongsTo(current, sample.name)) throw refuse('a line that is not with its metric');
    const series = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(series)) throw refuse('a time series occurs twice');
    seen.add(series);
    current.samples.push(sample);
  }
  for (const metric of metrics.values()) if (metric.type === 'histogram') checkHistogram(metric);
  return metrics;
}

function belongsTo({ name, type }: ParsedMetric, sampleName: string): boolean {
  if (type !== 'histogram') return sampleName === name;
  return ['_bucket', '_sum', '_count'].some((suffix) => sampleName === name + suffix);
}

function parseSample(line: string, refuse: (why: string) => Error): ParsedSample {
  const [, name, labels = '', number] = sampleLine.exec(line) ?? [];
  if (name === undefined || number === undefined) throw refuse('not a line of the format');
  if (!value.test(number)) throw refuse('not a number');
  return { name, labels: parseLabels(labels, refuse), value: numberOf(number) };
}

function numberOf(text: string): number {
  const infinity = /^([+-]?)inf$/i.exec(text);
  if (infinity) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

function parseLabels(text: string, refuse: (why: string) => Error): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ''; ) {
    const [start, name = ''] = labelStart.exec(rest) ?? [];
    if (start === undefined || name in labels || name.startsWith('__')) throw refuse('not a label');
    rest = rest.slice(start.length);
    const [quoted, content = ''] = /^((?:[^"\\\n]|\\[\\n"])*)"/.exec(rest) ?? [];
    if (quoted === undefined) throw refuse('not the value of a label');
    labels[name] = content.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(quoted.length);
    if (rest !== '' && !/^,./.test(rest)) throw refuse('not a list of labels');
    rest = rest.slice(1);
  }
  return labels;
}

/** In each series the buckets grow, and the last, +Inf, is the count. */
function checkHistogram({ name, samples }: ParsedMetric): void {
  const series = new Map<string, ParsedSample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [labels, all] of series) {
    const buckets = all.filter((sample) => sample.name === `${name}_bucket`);
    const count = all.find((sample) => sample.name === `${name}_count`)?.value;
    const bounds = buckets.map((bucket) => numberOf(bucket.labels['le'] ?? ''));
    const isGrowing = buckets.every(
      (bucket, index) =>
        index === 0 ||
        ((bounds[index] ?? 0) > (bounds[index - 1] ?? 0) && bucket.value >= (buckets[index - 1]?.value ?? 0)),
    );
    const isWhole = bounds.at(-1) === Number.POSITIVE_INFINITY && buckets.at(-1)?.value === count;
    const hasSum = all.some((sample) => sample.name === `${name}_sum`);
    if (!isGrowing || !isWhole || !hasSum) throw new Error(`not a histogram: ${name} ${labels}`);
  }
}
