import { graph, type Row, stat, table } from './panel.ts';
import { ofDrivers, ofPools, ofSidecars } from './selectors.ts';

const yesOrNo = (good: '0' | '1') => ({
  [good]: { text: good === '1' ? 'yes' : 'no', color: 'green' },
  [good === '1' ? '0' : '1']: { text: good === '1' ? 'no' : 'yes', color: 'red' },
});

export const overview: Row = {
  title: 'Overview',
  panels: [
    stat(
      'Drivers',
      { unit: 'none', description: 'Drivers that Prometheus gets metrics from.' },
      { expr: `count(${ofDrivers('csi_hostpath_build_info')})`, legend: 'drivers' },
    ),
    stat(
      'All ready',
      { unit: 'none', texts: yesOrNo('1'), description: 'Whether all of them serve calls.' },
      { expr: `min(${ofDrivers('csi_hostpath_ready')})`, legend: 'ready' },
    ),
    stat(
      'Pools reachable',
      {
        unit: 'none',
        texts: yesOrNo('1'),
        description: 'Whether the disks of all pools are present and answer.',
      },
      { expr: `min(${ofPools('csi_hostpath_pool_reachable')})`, legend: 'reachable' },
    ),
    stat(
      'Problems',
      {
        unit: 'none',
        thresholds: [1, 10],
        description: 'Problems of volumes, pools and drivers; see the row Health.',
      },
      { expr: `count(${ofDrivers('csi_hostpath_health')}) or vector(0)`, legend: 'problems' },
    ),
    stat(
      'Volumes',
      { unit: 'none' },
      { expr: `sum(${ofPools('csi_hostpath_pool_volumes')})`, legend: 'volumes' },
    ),
    stat(
      'Configuration refused',
      {
        unit: 'none',
        texts: yesOrNo('0'),
        description: 'Whether a changed configuration file cannot be used.',
      },
      { expr: `max(${ofDrivers('csi_hostpath_configuration_refused')})`, legend: 'refused' },
    ),
    table('Versions', {
      width: 24,
      height: 5,
      labels: { node: 'node', instance: 'address', version: 'version' },
      values: [{ expr: ofDrivers('csi_hostpath_build_info'), legend: 'drivers', unit: 'none' }],
      hidesValues: true,
    }),
  ],
};

const CALLS = 'csi_plugin_operations_seconds';
const SIDECAR_CALLS = 'csi_sidecar_operations_seconds';

export const calls: Row = {
  title: 'Calls',
  panels: [
    graph(
      'Calls by method',
      { unit: 'ops', isStacked: true },
      {
        expr: `sum by (method_name) (rate(${ofDrivers(`${CALLS}_count`)}[$__rate_interval]))`,
        legend: '{{method_name}}',
      },
    ),
    graph(
      'Failed calls by status',
      { unit: 'ops', isStacked: true },
      {
        expr: `sum by (method_name, grpc_status_code) (rate(${ofDrivers(`${CALLS}_count`, 'grpc_status_code!="OK"')}[$__rate_interval]))`,
        legend: '{{method_name}} {{grpc_status_code}}',
      },
    ),
    graph(
      'Calls in progress',
      { unit: 'short', description: 'A call that stays here for long hangs, or copies.' },
      {
        expr: `sum by (node, method_name) (${ofDrivers('csi_plugin_operations_in_flight')}) > 0`,
        legend: '{{node}} {{method_name}}',
      },
    ),
    graph(
      'Duration, 99th percentile',
      { unit: 's' },
      {
        expr: `histogram_quantile(0.99, sum by (method_name, le) (rate(${ofDrivers(`${CALLS}_bucket`)}[$__rate_interval])))`,
        legend: '{{method_name}}',
      },
    ),
    graph(
      'Duration, mean',
      { unit: 's' },
      {
        expr:
          `sum by (method_name) (rate(${ofDrivers(`${CALLS}_sum`)}[$__rate_interval]))` +
          ` / sum by (method_name) (rate(${ofDrivers(`${CALLS}_count`)}[$__rate_interval]))`,
        legend: '{{method_name}}',
      },
    ),
    graph(
      'Failed calls as the sidecars count them',
      { unit: 'ops', isStacked: true, description: 'Needs the metrics of the sidecars.' },
      {
        expr: `sum by (container, method_name, grpc_status_code) (rate(${ofSidecars(`${SIDECAR_CALLS}_count`, 'grpc_status_code!="OK"')}[$__rate_interval]))`,
        legend: '{{container}} {{method_name}} {{grpc_status_code}}',
      },
    ),
  ],
};

export const health: Row = {
  title: 'Health',
  panels: [
    graph(
      'Problems by reason',
      { unit: 'short', isStacked: true, width: 24 },
      { expr: `count by (reason) (${ofDrivers('csi_hostpath_health')})`, legend: '{{reason}}' },
    ),
    table('Problems', {
      description: 'docs/reference/health.md describes the reasons and what to do.',
      labels: {
        status: 'status',
        reason: 'reason',
        node: 'node',
        pool: 'pool',
        namespace: 'namespace',
        persistentvolumeclaim: 'claim',
        volume_id: 'volume',
      },
      values: [{ expr: ofDrivers('csi_hostpath_health'), legend: 'problems', unit: 'none' }],
      hidesValues: true,
    }),
  ],
};

export const processes: Row = {
  title: 'Process',
  isFolded: true,
  panels: [
    graph(
      'Processor time',
      { unit: 'percentunit', width: 6, description: '100 % is one processor.' },
      { expr: `rate(${ofDrivers('process_cpu_seconds_total')}[$__rate_interval])`, legend: '{{node}}' },
    ),
    graph(
      'Resident memory',
      { unit: 'bytes', width: 6 },
      { expr: ofDrivers('process_resident_memory_bytes'), legend: '{{node}}' },
    ),
    graph(
      'Event loop lag, 99th percentile',
      { unit: 's', width: 6, description: 'How long events, and so all calls, wait for the processor.' },
      { expr: ofDrivers('nodejs_eventloop_lag_p99_seconds'), legend: '{{node}}' },
    ),
    graph(
      'Open files',
      { unit: 'short', width: 6 },
      { expr: ofDrivers('process_open_fds'), legend: '{{node}}' },
      { expr: ofDrivers('process_max_fds'), legend: '{{node}} limit' },
    ),
  ],
};
