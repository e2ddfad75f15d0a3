import type { ParsedMetric } from './parse-metrics.ts';

const abbreviations = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd'];
const otherUnits =
  /^(?:milli|micro|nano|kilo|mega|giga|kibi|mebi|gibi)?(?:milliseconds|minutes|hours|days|kilobytes|bits|percent)$/;
const types = ['gauge', 'counter', 'summary', 'histogram', 'metric'];
const suffixes = ['_count', '_sum', '_bucket'];

/** What breaks Prometheus' rules for names (`promtool check metrics`), one sentence each. */
export function lintMetrics(metrics: Iterable<ParsedMetric>): string[] {
  return [...metrics].flatMap((metric) => lintOne(metric).map((problem) => `${metric.name}: ${problem}`));
}

function lintOne({ name, type, samples }: ParsedMetric): string[] {
  const words = name.split('_');
  const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
  const problems: [boolean, string][] = [
    [type === 'counter' && !name.endsWith('_total'), 'a counter must end in _total'],
    [type !== 'counter' && name.endsWith('_total'), 'only a counter may end in _total'],
    [suffixes.some((suffix) => name.endsWith(suffix)), 'the suffix belongs to histograms'],
    [type !== 'histogram' && labels.has('le'), 'the label le belongs to histograms'],
    [types.some((each) => words.includes(each)), 'a name must not contain a type'],
    [/[A-Z]/.test(name) || [...labels].some((label) => /[A-Z]/.test(label)), 'must be in snake case'],
    [words.some((word) => abbreviations.includes(word)), 'units must not be abbreviated'],
    [words.some((word) => otherUnits.test(word)), 'must use base units'],
  ];
  return problems.flatMap(([isBroken, problem]) => (isBroken ? [problem] : []));
}
