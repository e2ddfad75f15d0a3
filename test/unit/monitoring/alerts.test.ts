import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { alertGroups } from '../../../scripts/monitoring/alerts.ts';
import { healthAlerts } from '../../../scripts/monitoring/health-alerts.ts';
import { reasonRows } from '../../../scripts/monitoring/health-table.ts';
import { healthReasons } from '../../../src/model/objects/finding.ts';
import { statusLabel } from '../../../src/observability/metrics/call-metrics.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { namesIn } from './expressions.ts';
import { knownSeries, targetLabels } from './known-metrics.ts';

const page = readFileSync('docs/reference/health.md', 'utf8');
const rows = reasonRows(page);
const groups = alertGroups(page);
const alerts = groups.flatMap((group) => group.alerts);
const alert = (name: string) => alerts.filter((each) => each.name === name);

/** A page with a row like those of docs/reference/health.md. */
const tableOf = (...rest: string[]) =>
  ['# Health', '| reason | status | reported by | what it means | what to do |', '|---|---|---|---|---|']
    .concat(rest)
    .join('\n');

describe('an alert for a health reason', () => {
  test('exists once for each reason', () => {
    expect(rows.map(({ reason }) => reason).sort()).toEqual(Object.keys(healthReasons).sort());
    const names = groups.find(({ name }) => name === 'csi-hostpath-health')?.alerts.map(({ name }) => name);
    expect(names?.toSorted()).toEqual(Object.keys(healthReasons).sort());
  });

  test.each([
    ['DataMissing', 'critical'],
    ['PoolUnreachable', 'critical'],
    ['NotMounted', 'critical'],
    ['WrongMount', 'warning'],
    ['NearlyOutOfSpace', 'warning'],
    ['ConfigurationRefused', 'warning'],
  ])('%s is %s, as its status has it', (name, severity) => {
    expect(alert(name)).toMatchObject([{ severity, expr: `csi_hostpath_health{reason="${name}"}` }]);
  });

  test('CapacityNotEnforced leaves out plain directories, which never have a limit', () => {
    expect(alert('CapacityNotEnforced')[0]?.expr).toContain('backend!="directory"');
  });

  test('has the texts of the table, without Markdown', () => {
    const row = '| `One` | DEGRADED | storage | It is `x`; see [below](#one). | As for `Two`. |';
    const other = '| `Two` | DATA_LOSS; OTHER | node; controller | It [was](y.md) y. | Restore `z`. |';
    expect(healthAlerts(reasonRows(tableOf(row, other)))).toMatchObject([
      {
        name: 'One',
        severity: 'warning',
        description: 'It is x; see docs/reference/health.md.',
        remedy: 'Restore z.',
      },
      { name: 'Two', severity: 'critical', description: 'It was y.', remedy: 'Restore z.' },
    ]);
  });

  test('is not made from a table that is not understood', () => {
    expect(() => reasonRows('# Health')).toThrow('there is no table');
    expect(() => reasonRows(tableOf('| `One` | DEGRADED | node | It is x. |'))).toThrow(
      'must have five cells',
    );
    const unknown = reasonRows(tableOf('| `One` | BROKEN | storage | It is x. | Repair it. |'));
    expect(() => healthAlerts(unknown)).toThrow('One has the unknown status BROKEN');
  });
});

test('alerts have different names', () => {
  expect(alerts.length).toBeGreaterThan(30);
  expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
});

describe.each(alerts)('$name', ({ expr, for: delay, severity, summary, description, remedy }) => {
  const { metrics, labels } = namesIn(expr);
  const exported = metrics.flatMap((name) => knownSeries.get(name) ?? []);

  test('uses metrics and labels that exist', () => {
    expect(metrics).not.toEqual([]);
    expect(metrics.filter((name) => !knownSeries.has(name))).toEqual([]);
    expect(labels.filter((label) => ![...exported, ...targetLabels].includes(label))).toEqual([]);
  });

  test('has texts with labels that exist', () => {
    for (const text of [summary, description, remedy]) {
      expect(text).toMatch(/\.$/);
      expect(text).not.toMatch(/`|\]\(/);
      const used = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      expect(used.filter((label) => ![...exported, ...targetLabels].includes(label))).toEqual([]);
    }
    expect(delay).toMatch(/^\d+[mh]$/);
    expect(['critical', 'warning', 'info']).toContain(severity);
  });
});

/** The values of a matcher with a regular expression in an alert. */
function pattern(name: string, label: string): RegExp {
  const [, text = ''] = new RegExp(`${label}[=!]~"([^"]*)"`).exec(alert(name)[0]?.expr ?? '') ?? [];
  expect(text).not.toBe('');
  return new RegExp(`^(?:${text})$`);
}

test('failing calls are those with an error of the driver, by the names of codes in the metrics', () => {
  const codes = Object.values(status).filter((code) => typeof code === 'number');
  const counted = codes
    .map(statusLabel)
    .filter((label) => pattern('CallsFailing', 'grpc_status_code').test(label));
  expect(counted.sort()).toEqual(['DataLoss', 'Internal', 'Unknown']);
});

test.each(['CallsSlow', 'CallsHanging'])('%s leaves out the calls that may copy', (name) => {
  const paths = Object.values(csiServices).flatMap((service) =>
    Object.values(service).map(({ path }) => path),
  );
  const left = paths.filter((path) => pattern(name, 'method_name').test(path));
  expect(left.map((path) => path.replace(/.*\//, '')).sort()).toEqual([
    'CreateSnapshot',
    'CreateVolume',
    'CreateVolumeGroupSnapshot',
    'GetMetadataAllocated',
    'GetMetadataDelta',
  ]);
});
