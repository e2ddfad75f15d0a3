import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { scratchDirectory } from '../support/scratch.ts';
import { promtool } from './support/promtool.ts';
import { rulesPath, withPrefix } from './support/rules.ts';
import { type TimingCase, timingCases } from './timing-cases.ts';

test('promtool finds nothing wrong with the rules', () => {
  expect(promtool(['check', 'rules', '--lint=all', '--lint-fatal', rulesPath])).toMatchObject({ status: 0 });
});

test('promtool finds nothing wrong with the scrape configuration', () => {
  expect(promtool(['check', 'config', 'deploy/monitoring/scrape-config.yaml'])).toMatchObject({ status: 0 });
});

test.each(timingCases.map((each) => [each.alert, each.when, each] as const))('%s: %s', (_, __, timing) => {
  const file = join(scratchDirectory(), 'test.yaml');
  writeFileSync(file, unitTest(timing));
  const { status, output } = promtool(['test', 'rules', file]);
  expect(status, output).toBe(0);
});

/** A case in the format of `promtool test rules`. */
function unitTest({ alert, series, silent, firing = [] }: TimingCase): string {
  const alertname = withPrefix(alert);
  const at = (eval_time: string, exp_samples: object[]) => ({
    expr: `count by (alertname) (ALERTS{alertname="${alertname}", alertstate="firing"})`,
    eval_time,
    exp_samples,
  });
  const once = [{ labels: `{alertname="${alertname}"}`, value: 1 }];
  return stringify({
    rule_files: [resolve(rulesPath)],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [...silent.map((time) => at(time, [])), ...firing.map((time) => at(time, once))],
      },
    ],
  });
}
