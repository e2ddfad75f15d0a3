import { type AlertGroup, lines, NODE } from './alert.ts';

const POOL = `Pool {{ $labels.pool }} on ${NODE}`;
const VOLUME = `Volume {{ $labels.volume_id }}{{ if $labels.persistentvolumeclaim }} (claim {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }}){{ end }} on ${NODE}`;

/** Disks, and what is promised of them. Problems that health has a reason for are among the alerts for health. */
export const poolAlerts: AlertGroup = {
  name: 'csi-hostpath-pools',
  alerts: [
    {
      name: 'PoolScrapeIncomplete',
      expr: lines(
        'csi_hostpath_scrape_incomplete == 1',
        'unless on (job, instance, pool) csi_hostpath_pool_reachable == 0',
      ),
      for: '15m',
      severity: 'warning',
      summary: `${POOL} is too slow to be looked at.`,
      description:
        'What the metrics report about the disk, its volumes and their health is old or missing. Other alerts for this pool may not fire.',
      remedy:
        'Check the load of the disk, and the kernel log. With many thousand volumes, set --volume-metrics=false.',
    },
    {
      name: 'PoolFillingUp',
      expr: lines(
        'csi_hostpath_pool_available_bytes / csi_hostpath_pool_capacity_bytes < 0.2',
        'and predict_linear(csi_hostpath_pool_available_bytes[6h], 24 * 3600) < 0',
      ),
      for: '1h',
      severity: 'warning',
      summary: `${POOL} will be full within a day.`,
      description:
        '{{ $value | humanizePercentage }} of the disk is available, and it has been filling at this rate for six hours.',
      remedy: 'Delete snapshots, retained volumes or other files on the disk, or enlarge it.',
    },
    {
      name: 'PoolProvisionableLow',
      expr: 'csi_hostpath_pool_provisionable_bytes / csi_hostpath_pool_capacity_bytes < 0.05',
      for: '30m',
      severity: 'warning',
      summary: `${POOL} has hardly any room for new volumes.`,
      description:
        'New volumes can get {{ $value | humanizePercentage }} of the disk: the rest is promised, used or reserved. Claims that do not fit wait.',
      remedy: 'Delete volumes that are not needed, raise the capacity of the pool, or add a disk.',
    },
    {
      name: 'PoolPromisedOverLimit',
      expr: 'csi_hostpath_pool_promised_bytes > csi_hostpath_pool_limit_bytes',
      for: '10m',
      severity: 'warning',
      summary: `${POOL} has promised more than its capacity.`,
      description:
        'The volumes have {{ $value | humanize1024 }}B together, more than the capacity allows: it was lowered, or volumes were restored. No new volume is created.',
      remedy: 'Raise the capacity of the pool or --overcommit, or delete volumes.',
    },
    {
      name: 'ClassNearlyFull',
      expr: 'csi_hostpath_class_promised_bytes / csi_hostpath_class_limit_bytes > 0.95',
      for: '30m',
      severity: 'warning',
      summary: `The accounting class {{ $labels.class }} in pool {{ $labels.pool }} on ${NODE} is nearly used up.`,
      description:
        '{{ $value | humanizePercentage }} of what may be promised to its volumes is promised. Claims that do not fit wait.',
      remedy: 'Raise its --capacity, or delete volumes.',
    },
    {
      name: 'PoolSharesSystemDisk',
      expr: 'csi_hostpath_pool_shares_system_disk == 1',
      for: '1h',
      severity: 'info',
      summary: `${POOL} is on the disk of the node's system.`,
      description: 'When volumes fill the disk, the kubelet evicts pods.',
      remedy:
        'Put the pool on a disk of its own, or keep space free with a reserve. Otherwise disable this alert.',
    },
  ],
};

/** Work that the driver does in the background. */
export const workAlerts: AlertGroup = {
  name: 'csi-hostpath-work',
  alerts: [
    {
      name: 'CopiesWaiting',
      expr: 'csi_hostpath_pool_copies_waiting > 0',
      for: '15m',
      severity: 'warning',
      summary: `{{ $value }} copies in pool {{ $labels.pool }} on ${NODE} wait for a file.`,
      description:
        'A process holds a lease on a file that is to be copied, mostly a file server that runs in a pod.',
      remedy: "The driver's log has the file. Stop the process, or let it release the lease.",
    },
    {
      name: 'CopiesStalled',
      expr: lines(
        'csi_hostpath_pool_copies_in_progress > csi_hostpath_pool_copies_waiting',
        'and on (job, instance, pool) increase(csi_hostpath_pool_copied_bytes_total[15m]) == 0',
      ),
      for: '15m',
      severity: 'warning',
      summary: `{{ $value }} copies in pool {{ $labels.pool }} on ${NODE} make no progress.`,
      description: 'No bytes were copied for 15 minutes. Most often a disk does not respond.',
      remedy: 'Check the kernel log and the disks of the source and the target.',
    },
    {
      name: 'CopiesFailing',
      // Three or more: Prometheus extrapolates an increase, so that of two is somewhat more than 2.
      expr: 'increase(csi_hostpath_pool_copies_total{result="failed"}[1h]) > 2.5',
      for: '0m',
      severity: 'warning',
      summary: `Copies to new volumes or snapshots fail in pool {{ $labels.pool }} on ${NODE}.`,
      description:
        'About {{ $value | humanize }} copies have failed or were stopped within an hour. They are started again when the claim or the snapshot is retried.',
      remedy: "The driver's log has the reason of each.",
    },
    {
      name: 'RemovalsSlow',
      expr: lines(
        'csi_hostpath_pool_removals_pending > csi_hostpath_pool_removals_failing',
        'and on (job, instance, pool) min_over_time(csi_hostpath_pool_removals_pending[1h]) > 0',
        'and on (job, instance, pool) delta(csi_hostpath_pool_removals_pending[1h]) >= 0',
      ),
      for: '1h',
      severity: 'warning',
      summary: `Pool {{ $labels.pool }} on ${NODE} does not catch up with removals.`,
      description:
        '{{ $value }} directories with deleted content still use space, and they do not become fewer. Content that cannot be removed at all is reported as DeletedContentLeft.',
      remedy: 'Check the load of the disk. Many small files take long.',
    },
  ],
};

/** Space of single volumes. */
export const volumeAlerts: AlertGroup = {
  name: 'csi-hostpath-volumes',
  alerts: [
    {
      name: 'VolumeFillingUp',
      expr: lines(
        'csi_hostpath_volume_available_bytes / csi_hostpath_volume_capacity_bytes < 0.15',
        'and predict_linear(csi_hostpath_volume_available_bytes[6h], 24 * 3600) < 0',
      ),
      for: '1h',
      severity: 'warning',
      summary: `${VOLUME} will be full within a day.`,
      description:
        '{{ $value | humanizePercentage }} of the volume is available, and it has been filling at this rate for six hours.',
      remedy: 'Expand the volume or delete data.',
    },
    {
      name: 'VolumeInodesFillingUp',
      expr: lines(
        '1 - csi_hostpath_volume_inodes_used / csi_hostpath_volume_inodes < 0.15',
        'and predict_linear(csi_hostpath_volume_inodes_used[6h], 24 * 3600) > csi_hostpath_volume_inodes',
      ),
      for: '1h',
      severity: 'warning',
      summary: `${VOLUME} will be out of inodes within a day.`,
      description:
        '{{ $value | humanizePercentage }} of the inodes are available, and they have been used up at this rate for six hours.',
      remedy: 'Delete files, or expand the volume.',
    },
  ],
};
