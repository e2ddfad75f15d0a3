import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { alertGroups } from '../../../scripts/monitoring/alerts.ts';
import { dashboardDocument } from '../../../scripts/monitoring/dashboard/dashboard.ts';
import { namesIn } from './expressions.ts';
import { knownSeries, metricOf, ownMetrics, targetLabels } from './known-metrics.ts';

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly refId: string;
  readonly datasource: unknown;
}

interface GridPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly collapsed?: boolean;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: unknown;
  readonly targets?: readonly Target[];
  readonly panels?: readonly GridPanel[];
  readonly transformations?: readonly { readonly id: string; readonly options: { renameByName?: object } }[];
}

const dashboard = JSON.parse(dashboardDocument()) as {
  readonly panels: readonly GridPanel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
};
const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const shown = all.filter(({ type }) => type !== 'row');
const datasource = { type: 'prometheus', uid: '$datasource' };
const variables = dashboard.templating.list.map(({ name }) => name);

test('panels have numbers and titles of their own, within their row', () => {
  expect(shown.length).toBeGreaterThan(25);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const { title } of all) expect(title).not.toBe('');
});

test('no panel overlaps another one, or leaves the grid', () => {
  const end = ({ gridPos: { x, y, w, h } }: GridPanel) => ({ x: x + w, y: y + h });
  const overlap = (one: GridPanel, other: GridPanel) =>
    one.gridPos.x < end(other).x &&
    other.gridPos.x < end(one).x &&
    one.gridPos.y < end(other).y &&
    other.gridPos.y < end(one).y;
  const pairs = all.flatMap((one, index) => all.slice(index + 1).map((other) => [one, other] as const));
  const overlapping = pairs.filter(([one, other]) => overlap(one, other));
  expect(overlapping.map(([one, other]) => `${one.title}, ${other.title}`)).toEqual([]);
  expect(all.filter((panel) => end(panel).x > 24)).toEqual([]);
  // Only the last row may be folded, or what is below it would be where its panels are when it is opened.
  expect(dashboard.panels.filter(({ collapsed }) => collapsed)).toEqual([dashboard.panels.at(-1)]);
});

test('the variables are those that the queries use', () => {
  const texts = dashboard.templating.list.map(({ query }) =>
    typeof query === 'string' ? query : query.query,
  );
  const queries = [...texts, ...shown.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))].join(
    '\n',
  );
  const used = [...queries.matchAll(/\$(\w+)/g)].map(([, name = '']) => name);
  expect(new Set([...used.filter((name) => !name.startsWith('__')), 'datasource'])).toEqual(
    new Set(variables),
  );
});

describe.each(shown)('$title ($type)', ({ targets = [], datasource: ofPanel, transformations = [] }) => {
  test('asks the chosen data source', () => {
    expect(ofPanel).toEqual(datasource);
    expect(targets.length).toBeGreaterThan(0);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    for (const target of targets) expect(target.datasource).toEqual(datasource);
  });

  test('uses metrics and labels that exist', () => {
    for (const { expr, legendFormat } of targets) {
      const { metrics, labels } = namesIn(expr);
      expect(metrics, expr).not.toEqual([]);
      expect(metrics.filter((name) => !knownSeries.has(name))).toEqual([]);
      const legend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      const columns = transformations.flatMap(({ options }) => Object.keys(options.renameByName ?? {}));
      const used = [...labels, ...legend, ...columns.filter((name) => !name.startsWith('Value'))];
      const exported = metrics.flatMap((name) => knownSeries.get(name) ?? []);
      expect(
        used.filter((label) => ![...exported, ...targetLabels].includes(label)),
        expr,
      ).toEqual([]);
    }
  });
});

test('every metric of the driver is used by an alert or on the dashboard', () => {
  const alerts = alertGroups(readFileSync('docs/reference/health.md', 'utf8')).flatMap(
    (group) => group.alerts,
  );
  const expressions = [...alerts, ...shown.flatMap(({ targets = [] }) => targets)].map(({ expr }) => expr);
  const used = new Set(expressions.flatMap((expr) => namesIn(expr).metrics.map(metricOf)));
  expect(ownMetrics.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
});
