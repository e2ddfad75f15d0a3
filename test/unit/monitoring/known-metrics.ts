import { Registry } from 'prom-client';
import { callMetrics } from '../../../src/observability/metrics/call-metrics.ts';
import type { MetricDefinition } from '../../../src/observability/metrics/definition.ts';
import { sampledMetrics } from '../../../src/observability/metrics/metrics.ts';
import { registerProcessMetrics } from '../../../src/observability/metrics/process-metrics.ts';

/** The driver's own metrics. */
export const ownMetrics: readonly Pick<MetricDefinition, 'name' | 'type' | 'labels'>[] = [
  ...Object.values(callMetrics),
  ...sampledMetrics,
];

/** The labels that the scrape configurations and the ServiceMonitor give to every series. */
export const targetLabels = ['job', 'instance', 'node', 'container'];

const registry = new Registry();
registerProcessMetrics(registry);

/** The labels of each series that Prometheus gets from the driver and the sidecars, by its name. */
export const knownSeries: ReadonlyMap<string, readonly string[]> = new Map([
  ...ownMetrics.flatMap(seriesOf),
  // csi-lib-utils, metrics.go.
  ...seriesOf({
    name: 'csi_sidecar_operations_seconds',
    type: 'histogram',
    labels: ['driver_name', 'method_name', 'grpc_status_code'],
  }),
  ...registry.getMetricsAsArray().map(({ name }): [string, string[]] => [name, []]),
  ['up', []],
]);

function seriesOf({ name, type, labels }: (typeof ownMetrics)[number]): [string, readonly string[]][] {
  if (type !== 'histogram') return [[name, labels]];
  return [
    [`${name}_count`, labels],
    [`${name}_sum`, labels],
    [`${name}_bucket`, [...labels, 'le']],
  ];
}

/** The metric of a series: that of a bucket is its histogram. */
export function metricOf(series: string): string {
  return ownMetrics.find(({ name }) => series.replace(/_(?:count|sum|bucket)$/, '') === name)?.name ?? series;
}
