/** Series that an alert looks at, and when it fires on them. */
export interface TimingCase {
  readonly alert: string;
  readonly when: string;
  /** The values of each series, one a minute, in promtool's notation: `1+2x3` is 1 3 5 7, and `_` is no value. */
  readonly series: Readonly<Record<string, string>>;
  /** Times at which the alert does not fire. */
  readonly silent: readonly string[];
  /** Times at which it does. */
  readonly firing?: readonly string[];
}

const driver = 'job="csi-hostpath", instance="a", node="node-1", container="driver"';
const sidecar = 'job="csi-hostpath", instance="b", node="node-1", container="csi-provisioner"';
const pool = `${driver}, pool="disk"`;
const volume = `${pool}, volume_id="v", backend="image"`;
const running = { [`csi_hostpath_build_info{${driver}}`]: '1x1000' };
const calls = (suffix: string, labels: string) =>
  `csi_plugin_operations_seconds_${suffix}{${driver}, driver_name="d", ${labels}}`;
const healthReason = (reason: string) => `csi_hostpath_health{${pool}, reason="${reason}"}`;

const driverCases: readonly TimingCase[] = [
  {
    alert: 'DriverAbsent',
    when: 'the last driver is gone',
    series: { [`csi_hostpath_build_info{${driver}}`]: '1x10 stale' },
    silent: ['10m', '25m'],
    firing: ['27m'],
  },
  {
    alert: 'DriverDown',
    when: 'a driver does not answer',
    series: { [`csi_hostpath_build_info{${driver}}`]: '1x10 stale', [`up{${driver}}`]: '1x10 0x60' },
    silent: ['10m', '15m'],
    firing: ['16m', '60m'],
  },
  {
    alert: 'DriverDown',
    when: 'another container of the job does not answer',
    series: { ...running, [`up{${sidecar}}`]: '0x60' },
    silent: ['60m'],
  },
  {
    alert: 'DriverRestarting',
    when: 'a driver has started four times more, until that is an hour ago',
    series: { ...running, [`process_start_time_seconds{${driver}}`]: '0x4 1x4 2x4 3x4 4x200' },
    silent: ['19m', '90m'],
    firing: ['20m', '60m'],
  },
  {
    alert: 'EventLoopLag',
    when: 'events of a driver are late',
    series: { ...running, [`nodejs_eventloop_lag_p99_seconds{${driver}}`]: '0.6x60' },
    silent: ['14m'],
    firing: ['15m'],
  },
  {
    alert: 'EventLoopLag',
    when: 'events of another program are late',
    series: { ...running, 'nodejs_eventloop_lag_p99_seconds{job="shop", instance="c"}': '0.6x60' },
    silent: ['60m'],
  },
];

const callCases: readonly TimingCase[] = [
  {
    alert: 'CallsFailing',
    when: 'every fifth call fails',
    series: {
      ...running,
      [calls('count', 'method_name="m", grpc_status_code="Internal"')]: '0+1x60',
      [calls('count', 'method_name="m", grpc_status_code="OK"')]: '0+4x60',
    },
    silent: ['15m'],
    firing: ['16m'],
  },
  {
    alert: 'CallsFailing',
    when: 'the caller is to blame',
    series: { ...running, [calls('count', 'method_name="m", grpc_status_code="InvalidArgument"')]: '0+1x60' },
    silent: ['60m'],
  },
  ...['/csi.v1.Node/NodeStageVolume', '/csi.v1.Controller/CreateVolume'].map((method) => ({
    alert: 'CallsSlow',
    when: `calls of ${method} take 20 seconds`,
    series: {
      ...running,
      [calls('bucket', `method_name="${method}", le="10"`)]: '0x60',
      [calls('bucket', `method_name="${method}", le="30"`)]: '0+1x60',
      [calls('bucket', `method_name="${method}", le="+Inf"`)]: '0+1x60',
    },
    ...(method.endsWith('CreateVolume') ? { silent: ['60m'] } : { silent: ['15m'], firing: ['16m'] }),
  })),
  {
    alert: 'CallsHanging',
    when: 'a call hangs for 20 minutes',
    series: { [`csi_plugin_operations_in_flight{${driver}, method_name="m"}`]: '0x10 1x60' },
    silent: ['24m'],
    firing: ['26m'],
  },
  {
    alert: 'SidecarDown',
    when: 'a sidecar does not answer',
    series: { ...running, [`up{${sidecar}}`]: '1x10 0x60' },
    silent: ['20m'],
    firing: ['21m'],
  },
  {
    alert: 'SidecarCallsFailing',
    when: 'half of the calls fail',
    series: {
      ...running,
      [`csi_sidecar_operations_seconds_count{${sidecar}, method_name="m", grpc_status_code="Aborted"}`]:
        '0+1x90',
      [`csi_sidecar_operations_seconds_count{${sidecar}, method_name="m", grpc_status_code="OK"}`]: '0+1x90',
    },
    silent: ['30m'],
    firing: ['31m'],
  },
];

const poolCases: readonly TimingCase[] = [
  {
    alert: 'PoolScrapeIncomplete',
    when: 'a pool does not answer in time',
    series: {
      [`csi_hostpath_scrape_incomplete{${pool}}`]: '1x60',
      [`csi_hostpath_pool_reachable{${pool}}`]: '1x60',
    },
    silent: ['14m'],
    firing: ['15m'],
  },
  {
    alert: 'PoolScrapeIncomplete',
    when: 'a pool is known to be unreachable',
    series: {
      [`csi_hostpath_scrape_incomplete{${pool}}`]: '1x60',
      [`csi_hostpath_pool_reachable{${pool}}`]: '0x60',
    },
    silent: ['60m'],
  },
  {
    alert: 'PoolFillingUp',
    when: 'a disk fills up within a day',
    series: {
      [`csi_hostpath_pool_capacity_bytes{${pool}}`]: '100x600',
      [`csi_hostpath_pool_available_bytes{${pool}}`]: '60-0.1x600',
    },
    silent: ['6h', '7h30m'],
    firing: ['8h'],
  },
  {
    alert: 'PoolFillingUp',
    when: 'a disk is rather full, and stays so',
    series: {
      [`csi_hostpath_pool_capacity_bytes{${pool}}`]: '100x600',
      [`csi_hostpath_pool_available_bytes{${pool}}`]: '15x600',
    },
    silent: ['8h'],
  },
  {
    alert: 'PoolFillingUp',
    when: 'a disk fills up within a week',
    series: {
      [`csi_hostpath_pool_capacity_bytes{${pool}}`]: '100x600',
      [`csi_hostpath_pool_available_bytes{${pool}}`]: '15-0.002x600',
    },
    silent: ['8h'],
  },
  {
    alert: 'PoolPromisedOverLimit',
    when: 'the capacity is lowered below what is promised',
    series: {
      [`csi_hostpath_pool_promised_bytes{${pool}}`]: '100x60',
      [`csi_hostpath_pool_limit_bytes{${pool}}`]: '100x20 99x40',
    },
    silent: ['20m', '30m'],
    firing: ['31m'],
  },
];

const workCases: readonly TimingCase[] = [
  {
    alert: 'CopiesStalled',
    when: 'a copy stops',
    series: {
      [`csi_hostpath_pool_copies_in_progress{${pool}}`]: '1x90',
      [`csi_hostpath_pool_copies_waiting{${pool}}`]: '0x90',
      [`csi_hostpath_pool_copied_bytes_total{${pool}}`]: '0+10x30 300x60',
    },
    silent: ['30m', '58m'],
    firing: ['62m'],
  },
  {
    alert: 'CopiesFailing',
    when: 'two copies fail within an hour',
    series: { [`csi_hostpath_pool_copies_total{${pool}, result="failed"}`]: '5x9 6x9 7x200' },
    silent: ['20m', '40m', '60m', '70m'],
  },
  {
    alert: 'CopiesFailing',
    when: 'three copies fail within an hour, until that is an hour ago',
    series: { [`csi_hostpath_pool_copies_total{${pool}, result="failed"}`]: '5x9 6x9 7x9 8x200' },
    silent: ['29m', '95m'],
    firing: ['31m', '65m'],
  },
  {
    alert: 'RemovalsSlow',
    when: 'more is deleted than removed',
    series: {
      [`csi_hostpath_pool_removals_pending{${pool}}`]: '0x9 1+1x200',
      [`csi_hostpath_pool_removals_failing{${pool}}`]: '0x210',
    },
    silent: ['60m', '120m'],
    firing: ['135m'],
  },
  {
    alert: 'RemovalsSlow',
    when: 'much was deleted, and it becomes less',
    series: {
      [`csi_hostpath_pool_removals_pending{${pool}}`]: '0x9 300-1x200',
      [`csi_hostpath_pool_removals_failing{${pool}}`]: '0x210',
    },
    silent: ['60m', '135m', '200m'],
  },
];

const volumeCases: readonly TimingCase[] = [
  {
    alert: 'VolumeFillingUp',
    when: 'a volume fills up within a day',
    series: {
      [`csi_hostpath_volume_capacity_bytes{${volume}}`]: '100x600',
      [`csi_hostpath_volume_available_bytes{${volume}}`]: '60-0.1x600',
    },
    silent: ['6h', '8h'],
    firing: ['9h'],
  },
  {
    alert: 'VolumeFillingUp',
    when: 'a volume is rather full, and stays so',
    series: {
      [`csi_hostpath_volume_capacity_bytes{${volume}}`]: '100x600',
      [`csi_hostpath_volume_available_bytes{${volume}}`]: '10x600',
    },
    silent: ['8h'],
  },
  {
    alert: 'VolumeInodesFillingUp',
    when: 'the inodes of a volume are used up within a day',
    series: {
      [`csi_hostpath_volume_inodes{${volume}}`]: '1000x600',
      [`csi_hostpath_volume_inodes_used{${volume}}`]: '400+1x600',
    },
    silent: ['6h', '8h'],
    firing: ['9h'],
  },
  {
    alert: 'CapacityNotEnforced',
    when: 'the volume is a plain directory',
    series: {
      [`csi_hostpath_health{${pool}, volume_id="v", reason="CapacityNotEnforced"}`]: '1x60',
      [`csi_hostpath_volume_capacity_bytes{${pool}, volume_id="v", backend="directory"}`]: '100x60',
    },
    silent: ['60m'],
  },
];

const healthCases: readonly TimingCase[] = [
  { alert: 'PoolUnreachable', minutes: 2 },
  { alert: 'Frozen', minutes: 2 },
  { alert: 'NearlyOutOfSpace', minutes: 10 },
  { alert: 'ExpansionIncomplete', minutes: 60 },
].map(({ alert, minutes }) => ({
  alert,
  when: `the problem has lasted ${minutes} minutes`,
  series: { [healthReason(alert)]: '1x90' },
  silent: [`${minutes - 1}m`],
  firing: [`${minutes}m`],
}));

export const timingCases: readonly TimingCase[] = [
  ...driverCases,
  ...callCases,
  ...poolCases,
  ...workCases,
  ...volumeCases,
  ...healthCases,
];
