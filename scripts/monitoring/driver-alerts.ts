import { type AlertGroup, lines, NODE, OF_DRIVER } from './alert.ts';

/**
 * Restricts an expression to targets of a job that has had drivers in the last day. A driver that is gone exports nothing,
 * and the metrics of csi-resizer do not name the driver.
 */
const OF_DRIVERS_JOB = 'and on (job) group by (job) (last_over_time(csi_hostpath_build_info[1d]))';

/** Calls that take as long as the data that they copy or compare. */
const LONG_CALLS = '.*/(CreateVolume|CreateSnapshot|CreateVolumeGroupSnapshot|GetMetadata.*)';

const CALL_LABELS = 'job, instance, node, driver_name, method_name';
const CALL = '{{ $labels.method_name }}';

/** Whether the drivers run. */
export const driverAlerts: AlertGroup = {
  name: 'csi-hostpath-driver',
  alerts: [
    {
      name: 'DriverAbsent',
      expr: 'absent(csi_hostpath_build_info)',
      for: '15m',
      severity: 'critical',
      summary: 'Prometheus gets no metrics of any hostpath CSI driver.',
      description: 'Either no driver runs, or Prometheus does not find the drivers. No other alert can fire.',
      remedy:
        "Check the driver's pods, whether the driver has --http-endpoint, and the targets in Prometheus. Remove these rules if the driver is not installed.",
    },
    {
      name: 'DriverDown',
      // Of one pod, each container is a target.
      expr: lines(
        'up == 0',
        'and on (job, container) group by (job, container) (last_over_time(csi_hostpath_build_info[1d]))',
      ),
      for: '5m',
      severity: 'critical',
      summary: `The driver on ${NODE} does not answer Prometheus.`,
      description:
        'It does not run, hangs, or takes longer than the scrape timeout. Pods keep their volumes; none can be mounted or unmounted while the driver does not run.',
      remedy:
        "Look at the pod's events and at the last lines of the driver's log, also of the previous container.",
    },
    {
      name: 'DriverNotReady',
      expr: 'csi_hostpath_ready == 0',
      for: '5m',
      severity: 'critical',
      summary: `The driver on ${NODE} runs, but serves no calls.`,
      description:
        'It is starting or stopping. At start it waits at most five seconds for its pools; before it stops, for calls in progress.',
      remedy: "The driver's log has what it waits for.",
    },
    {
      name: 'DriverRestarting',
      expr: `changes(process_start_time_seconds[1h]) > 3 ${OF_DRIVER}`,
      for: '0m',
      severity: 'warning',
      summary: `The driver on ${NODE} has restarted {{ $value }} times in an hour.`,
      description:
        'It exits with an error, runs out of memory, or is restarted because it does not answer the liveness probe.',
      remedy:
        "The last line of the previous container's log is the reason. With OOMKilled, raise the memory limit.",
    },
    {
      name: 'EventLoopLag',
      expr: `nodejs_eventloop_lag_p99_seconds > 0.5 ${OF_DRIVER}`,
      for: '15m',
      severity: 'warning',
      summary: `The driver on ${NODE} gets too little processor time.`,
      description:
        'One event in a hundred is delayed by {{ $value | humanizeDuration }} or more, and all calls with it.',
      remedy:
        "Check the node's load and the driver's CPU limit. With many thousand volumes, set --volume-metrics=false.",
    },
  ],
};

/** How the calls of the kubelet and the sidecars go. */
export const callAlerts: AlertGroup = {
  name: 'csi-hostpath-calls',
  alerts: [
    {
      name: 'CallsFailing',
      expr: lines(
        `sum by (${CALL_LABELS}) (`,
        '  rate(csi_plugin_operations_seconds_count{grpc_status_code=~"Internal|Unknown|DataLoss"}[15m])',
        ')',
        `/ sum by (${CALL_LABELS}) (rate(csi_plugin_operations_seconds_count[15m])) > 0.1`,
        OF_DRIVER,
      ),
      for: '15m',
      severity: 'warning',
      summary: `${CALL} fails on ${NODE}.`,
      description:
        '{{ $value | humanizePercentage }} of these calls fail with an error of the driver, the node or a disk.',
      remedy: "The driver's log has each failed call with its error.",
    },
    {
      name: 'CallsSlow',
      expr: lines(
        `histogram_quantile(0.99, sum by (${CALL_LABELS}, le) (`,
        `  rate(csi_plugin_operations_seconds_bucket{method_name!~"${LONG_CALLS}"}[15m])`,
        ')) > 10',
        OF_DRIVER,
      ),
      for: '15m',
      severity: 'warning',
      summary: `${CALL} is slow on ${NODE}.`,
      description:
        'One call in a hundred takes {{ $value | humanizeDuration }} or more; csi-provisioner waits for 10 seconds. Copies are not counted.',
      remedy: 'Check the load of the disks and of the processor of the node.',
    },
    {
      name: 'CallsHanging',
      expr: `csi_plugin_operations_in_flight{method_name!~"${LONG_CALLS}"} > 0`,
      for: '15m',
      severity: 'warning',
      summary: `${CALL} hangs on ${NODE}.`,
      description:
        'Such calls have been in progress for 15 minutes, now {{ $value }}. Most often a disk, or a file server below it, does not respond.',
      remedy:
        'Check the kernel log for tasks that hang, and the disks of the pools. The calls end when the disk responds.',
    },
    {
      name: 'SidecarDown',
      expr: lines(`up{container=~"csi-provisioner|csi-resizer|csi-snapshotter"} == 0`, OF_DRIVERS_JOB),
      for: '10m',
      severity: 'warning',
      summary: `{{ $labels.container }} on ${NODE} does not answer Prometheus.`,
      description:
        'Without csi-provisioner no volumes are created or deleted on the node, without csi-snapshotter no snapshots, and without csi-resizer no volume grows.',
      remedy: "Look at the pod's events and at the container's log.",
    },
    {
      name: 'SidecarCallsFailing',
      expr: lines(
        'sum by (job, node, container, method_name) (',
        '  rate(csi_sidecar_operations_seconds_count{grpc_status_code!="OK"}[30m])',
        ')',
        '/ sum by (job, node, container, method_name) (rate(csi_sidecar_operations_seconds_count[30m])) > 0.25',
        OF_DRIVERS_JOB,
      ),
      for: '30m',
      severity: 'warning',
      summary: `${CALL} fails for {{ $labels.container }} on {{ $labels.node }}.`,
      description:
        '{{ $value | humanizePercentage }} of these calls fail, whether the cause is the driver, its disks, a full pool or a wrong class.',
      remedy: 'kubectl describe shows the error in the events of the claims, snapshots and pods that wait.',
    },
  ],
};
