import { status } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { registerCallMetrics, statusLabel } from '../../../../src/observability/metrics/call-metrics.ts';
import type { FinishedCall } from '../../../../src/rpc/call-monitor.ts';
import { ScrapedMetrics } from '../../../support/metrics/scrape.ts';

const path = '/csi.v1.Node/NodeStageVolume';

function callMetrics(active = new Map<string, number>()) {
  const registry = new Registry();
  const count = registerCallMetrics(registry, 'example.org', () => active);
  const finished = (changes: Partial<FinishedCall> = {}) => {
    const outcome = { code: status.OK, durationMs: 1, reply: {}, error: undefined };
    count({ path, request: {}, ...outcome, isRepeated: false, ...changes });
  };
  return { finished, scrape: async () => new ScrapedMetrics(await registry.metrics()) };
}

const labels = { driver_name: 'example.org', method_name: path };

test('calls are counted by method and status, with their duration in seconds', async () => {
  const { finished, scrape } = callMetrics();
  finished({ durationMs: 0.4 });
  finished({ durationMs: 2000 });
  finished({ code: status.INVALID_ARGUMENT, durationMs: 600_000 });
  const metrics = await scrape();
  const ok = { ...labels, grpc_status_code: 'OK' };
  const invalid = { ...labels, grpc_status_code: 'InvalidArgument' };
  expect(metrics.value('csi_plugin_operations_seconds_count', ok)).toBe(2);
  expect(metrics.value('csi_plugin_operations_seconds_sum', ok)).toBeCloseTo(2.0004);
  expect(metrics.value('csi_plugin_operations_seconds_bucket', { ...ok, le: '0.0005' })).toBe(1);
  expect(metrics.value('csi_plugin_operations_seconds_bucket', { ...invalid, le: '300' })).toBe(0);
  expect(metrics.value('csi_plugin_operations_seconds_count', invalid)).toBe(1);
});

test('a call that stalled is counted once, with the status that its caller got', async () => {
  const { finished, scrape } = callMetrics();
  finished({ code: status.UNAVAILABLE });
  finished({ isRepeated: true });
  const counts = (await scrape()).series('csi_plugin_operations_seconds_count');
  expect(counts.map((each) => [each.labels['grpc_status_code'], each.value])).toEqual([['Unavailable', 1]]);
});

test('calls in progress are shown for every method', async () => {
  const { scrape } = callMetrics(new Map([[path, 3]]));
  const metrics = await scrape();
  expect(metrics.series('csi_plugin_operations_in_flight')).toHaveLength(36);
  expect(metrics.value('csi_plugin_operations_in_flight', labels)).toBe(3);
});

test('each status has the name that gRPC for Go gives it', () => {
  const codes = Object.values(status).filter((code) => typeof code === 'number');
  expect(codes.map(statusLabel)).toEqual([
    'OK',
    'Canceled',
    'Unknown',
    'InvalidArgument',
    'DeadlineExceeded',
    'NotFound',
    'AlreadyExists',
    'PermissionDenied',
    'ResourceExhausted',
    'FailedPrecondition',
    'Aborted',
    'OutOfRange',
    'Unimplemented',
    'Internal',
    'Unavailable',
    'DataLoss',
    'Unauthenticated',
  ]);
});
