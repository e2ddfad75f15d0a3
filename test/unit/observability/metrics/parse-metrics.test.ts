import { describe, expect, test } from 'vitest';
import { lintMetrics } from '../../../support/metrics/lint-metrics.ts';
import { parseMetrics } from '../../../support/metrics/parse-metrics.ts';

const head = (name: string, type = 'gauge') => `# HELP ${name} A help.\n# TYPE ${name} ${type}\n`;

test('metrics are parsed with their labels and values', () => {
  const labels = String.raw`{a="x\"y\\z\nw",b="",c="},{"}`;
  const metrics = parseMetrics(
    `${head('one')}one${labels} 1.5e+3\none -Inf\n\n${head('two', 'counter')}two NaN\n`,
  );
  expect([...metrics.values()]).toEqual([
    {
      name: 'one',
      type: 'gauge',
      help: 'A help.',
      samples: [
        { name: 'one', labels: { a: 'x"y\\z\nw', b: '', c: '},{' }, value: 1500 },
        { name: 'one', labels: {}, value: Number.NEGATIVE_INFINITY },
      ],
    },
    {
      name: 'two',
      type: 'counter',
      help: 'A help.',
      samples: [{ name: 'two', labels: {}, value: Number.NaN }],
    },
  ]);
});

describe('a text is refused', () => {
  test.each([
    ['no line break at its end', `${head('a')}a 1`, 'does not end with a line break'],
    ['a type without a help', '# TYPE a gauge\na 1\n', 'a type without a help'],
    ['a line before its type', 'a 1\n', 'not with its metric'],
    ['a line of another metric', `${head('a')}b 1\n`, 'not with its metric'],
    ['a metric that occurs twice', `${head('a')}a 1\n${head('b')}b 1\n${head('a')}`, 'a metric occurs twice'],
    [
      'a series that occurs twice',
      `${head('a')}a{x="1",y="2"} 1\na{y="2",x="1"} 2\n`,
      'a time series occurs twice',
    ],
    ['a name with a dash', `${head('a')}a-b 1\n`, 'not a line of the format'],
    ['a value that is no number', `${head('a')}a undefined\n`, 'not a number'],
    ['a label without quotes', `${head('a')}a{x=1} 1\n`, 'not a label'],
    ['a label that occurs twice', `${head('a')}a{x="1",x="2"} 1\n`, 'not a label'],
    ['a label of Prometheus itself', `${head('a')}a{__name__="1"} 1\n`, 'not a label'],
    ['a quote that is not escaped', `${head('a')}a{x="1"2"} 1\n`, 'not a list of labels'],
    ['a wrong escape', `${head('a')}a{x="\\t"} 1\n`, 'not the value of a label'],
    ['labels without a comma', `${head('a')}a{x="1"y="2"} 1\n`, 'not a list of labels'],
  ])('with %s', (_, text, why) => {
    expect(() => parseMetrics(text)).toThrow(why);
  });

  const histogram = (buckets: string, rest = 'a_sum 3\na_count 2\n') =>
    `${head('a', 'histogram')}${buckets}${rest}`;

  test.each([
    [
      'a histogram whose buckets shrink',
      histogram('a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n', 'a_sum 3\na_count 1\n'),
    ],
    [
      'a histogram whose bounds shrink',
      histogram('a_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\n'),
    ],
    ['a histogram without +Inf', histogram('a_bucket{le="1"} 2\n')],
    ['a histogram with another count', histogram('a_bucket{le="+Inf"} 1\n')],
    ['a histogram without a sum', histogram('a_bucket{le="+Inf"} 2\n', 'a_count 2\n')],
  ])('with %s', (_, text) => {
    expect(() => parseMetrics(text)).toThrow('not a histogram: a');
  });

  test('unless its histograms are whole', () => {
    expect(() => parseMetrics(histogram('a_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\n'))).not.toThrow();
  });
});

describe('the rules for names are broken by', () => {
  test.each([
    [`${head('a', 'counter')}a 1\n`, 'a: a counter must end in _total'],
    [`${head('a_total')}a_total 1\n`, 'a_total: only a counter may end in _total'],
    [`${head('a_count')}a_count 1\n`, 'a_count: the suffix belongs to histograms'],
    [`${head('a')}a{le="1"} 1\n`, 'a: the label le belongs to histograms'],
    [`${head('a_gauge')}a_gauge 1\n`, 'a_gauge: a name must not contain a type'],
    [`${head('aB')}aB 1\n`, 'aB: must be in snake case'],
    [`${head('a')}a{bC="1"} 1\n`, 'a: must be in snake case'],
    [`${head('a_ms')}a_ms 1\n`, 'a_ms: units must not be abbreviated'],
    [`${head('a_milliseconds')}a_milliseconds 1\n`, 'a_milliseconds: must use base units'],
  ])('%j', (text, problem) => {
    expect(lintMetrics(parseMetrics(text).values())).toEqual([problem]);
  });
});
