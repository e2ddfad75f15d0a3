import { collectDefaultMetrics, Registry } from 'prom-client';

// Gauges with the suffix of counters, and the sums of other metrics.
const OMITTED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let ofProcess: Registry | undefined;

/**
 * Registers the metrics of this process and of Node.js. They belong to the process, like the timers that measure them,
 * so all drivers in one process share them.
 */
export function registerProcessMetrics(registry: Registry): void {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
    for (const name of OMITTED) ofProcess.removeSingleMetric(name);
  }
  for (const { name } of ofProcess.getMetricsAsArray()) {
    const metric = ofProcess.getSingleMetric(name);
    if (metric) registry.registerMetric(metric);
  }
}
