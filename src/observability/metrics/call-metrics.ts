import { status } from '@grpc/grpc-js';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { FinishedCall } from '../../rpc/call-monitor.ts';
import { csiServices } from '../../rpc/proto.ts';
import type { MetricDefinition } from './definition.ts';

// From calls answered from memory, over the timeouts of the sidecars, to copies.
const BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];

/** The metrics of calls, with the names and labels that the CSI sidecars have for the calls that they make. */
export const callMetrics = {
  duration: {
    name: 'csi_plugin_operations_seconds',
    type: 'histogram',
    labels: ['driver_name', 'method_name', 'grpc_status_code'],
    unit: 'seconds',
    meaning:
      'Duration of calls by method and status, such as OK or InvalidArgument. A call whose pool does not answer counts once, as Unavailable.',
  },
  inFlight: {
    name: 'csi_plugin_operations_in_flight',
    type: 'gauge',
    labels: ['driver_name', 'method_name'],
    unit: 'number',
    meaning:
      'Number of calls whose work has not ended, including those that were answered because their pool did not.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** The path of every RPC, as the label `method_name` has it. */
const methodNames = Object.values(csiServices).flatMap((service) =>
  Object.values(service).map(({ path }) => path),
);

/**
 * Registers the metrics of calls.
 * @param activeCounts the number of calls in progress, by the path of their method
 * @returns counts a call that has ended
 */
export function registerCallMetrics(
  registry: Registry,
  driverName: string,
  activeCounts: () => ReadonlyMap<string, number>,
): (call: FinishedCall) => void {
  const { duration, inFlight } = callMetrics;
  const histogram = new Histogram({
    name: duration.name,
    help: duration.meaning,
    labelNames: duration.labels,
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  new Gauge({
    name: inFlight.name,
    help: inFlight.meaning,
    labelNames: inFlight.labels,
    registers: [registry],
    collect() {
      for (const path of methodNames)
        this.set({ driver_name: driverName, method_name: path }, activeCounts().get(path) ?? 0);
    },
  });
  return ({ path, code, durationMs, isRepeated }) => {
    if (isRepeated) return;
    const labels = { driver_name: driverName, method_name: path, grpc_status_code: statusLabel(code) };
    histogram.observe(labels, durationMs / 1000);
  };
}

/** The name of a code as gRPC for Go has it, which the CSI sidecars use: `InvalidArgument`, `OK`, `Canceled`. */
export function statusLabel(code: status): string {
  switch (code) {
    case status.OK:
      return 'OK';
    case status.CANCELLED:
      return 'Canceled';
    default:
      return status[code]
        .toLowerCase()
        .replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  }
}
