import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Registry } from 'prom-client';
import { callMetrics } from '../src/observability/metrics/call-metrics.ts';
import { contentMetrics } from '../src/observability/metrics/content-metrics.ts';
import type { MetricDefinition } from '../src/observability/metrics/definition.ts';
import { driverMetrics } from '../src/observability/metrics/driver-metrics.ts';
import { poolMetrics } from '../src/observability/metrics/pool-metrics.ts';
import { registerProcessMetrics } from '../src/observability/metrics/process-metrics.ts';
import { volumeMetrics } from '../src/observability/metrics/volume-metrics.ts';
import { markdownTable, withTables } from './lib/docs/tables.ts';

/** The tables of docs/reference/metrics.md, by the name in the comment before them. */
const tables: Readonly<Record<string, readonly MetricDefinition[]>> = {
  calls: Object.values(callMetrics),
  driver: driverMetrics,
  pools: poolMetrics,
  content: contentMetrics,
  volumes: volumeMetrics,
};

/** docs/reference/metrics.md with its tables renewed; the text around them stays. */
export async function metricsDocument(page: string): Promise<string> {
  const rows = new Map(Object.entries(tables).map(([name, metrics]) => [name, table(metrics)]));
  rows.set('process', await processTable());
  return withTables(page, 'docs/reference/metrics.md', (name) => rows.get(name));
}

function table(metrics: readonly MetricDefinition[]): string {
  const rows = metrics.map(({ name, type, labels, unit, meaning }) => {
    const labelCell = labels.map((label) => `\`${label}\``).join(', ');
    return [`\`${name}\``, type, labelCell, unit, meaning];
  });
  return markdownTable(['name', 'type', 'labels', 'unit', 'meaning'], rows);
}

async function processTable(): Promise<string> {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const metrics = await registry.getMetricsAsJSON();
  const rows = metrics.map(({ name, type, help }) => [`\`${name}\``, String(type), help]);
  return markdownTable(['name', 'type', 'meaning'], rows);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(await metricsDocument(readFileSync('docs/reference/metrics.md', 'utf8')));
}
