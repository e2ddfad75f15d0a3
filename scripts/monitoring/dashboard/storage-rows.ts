import { graph, type Row, table } from './panel.ts';
import { ofPools } from './selectors.ts';

const POOL = '{{node}} {{pool}}';

/** A graph of one metric of each pool. */
function poolQuery(metric: string, suffix = '') {
  return { expr: ofPools(`csi_hostpath_pool_${metric}`), legend: `${POOL}${suffix}` };
}

export const pools: Row = {
  title: 'Pools',
  panels: [
    table('Pools', {
      labels: { node: 'node', pool: 'pool' },
      values: [
        { expr: ofPools('csi_hostpath_pool_reachable'), legend: 'reachable', unit: 'none' },
        { expr: ofPools('csi_hostpath_pool_capacity_bytes'), legend: 'disk', unit: 'bytes' },
        { expr: ofPools('csi_hostpath_pool_available_bytes'), legend: 'available', unit: 'bytes' },
        { expr: ofPools('csi_hostpath_pool_limit_bytes'), legend: 'may be promised', unit: 'bytes' },
        { expr: ofPools('csi_hostpath_pool_promised_bytes'), legend: 'promised', unit: 'bytes' },
        { expr: ofPools('csi_hostpath_pool_provisionable_bytes'), legend: 'for a new volume', unit: 'bytes' },
        { expr: ofPools('csi_hostpath_pool_volumes'), legend: 'volumes', unit: 'none' },
        { expr: ofPools('csi_hostpath_pool_retained_volumes'), legend: 'retained', unit: 'none' },
        { expr: ofPools('csi_hostpath_pool_shares_system_disk'), legend: 'system disk', unit: 'none' },
        {
          expr: `${ofPools('csi_hostpath_pool_survey_timestamp_seconds')} * 1000`,
          legend: 'looked at',
          unit: 'dateTimeFromNow',
        },
      ],
    }),
    graph(
      'Disk used',
      { unit: 'percentunit' },
      {
        expr: `${ofPools('csi_hostpath_pool_used_bytes')} / ${ofPools('csi_hostpath_pool_capacity_bytes')}`,
        legend: POOL,
      },
    ),
    graph(
      'Inodes used',
      { unit: 'percentunit' },
      {
        expr: `${ofPools('csi_hostpath_pool_inodes_used')} / ${ofPools('csi_hostpath_pool_inodes')}`,
        legend: POOL,
      },
    ),
    graph('Available for a new volume', { unit: 'bytes' }, poolQuery('provisionable_bytes')),
    graph(
      'Promised to volumes',
      { unit: 'bytes' },
      poolQuery('promised_bytes'),
      poolQuery('limit_bytes', ' limit'),
    ),
    graph(
      'Promised in accounting classes',
      { unit: 'bytes' },
      { expr: ofPools('csi_hostpath_class_promised_bytes'), legend: `${POOL} {{class}}` },
      { expr: ofPools('csi_hostpath_class_limit_bytes'), legend: `${POOL} {{class}} limit` },
    ),
    graph(
      'Not answered in time',
      { unit: 'short', description: '1 while what is shown about a pool is old or missing.' },
      { expr: ofPools('csi_hostpath_scrape_incomplete'), legend: POOL },
    ),
  ],
};

const VOLUME = 'csi_hostpath_volume';
const claimed = (metric: string) =>
  ofPools(`${VOLUME}_${metric}`, 'namespace=~"$namespace"', 'persistentvolumeclaim=~"$claim"');
const CLAIM = '{{namespace}}/{{persistentvolumeclaim}}';

export const volumes: Row = {
  title: 'Volumes by claim',
  panels: [
    table('Volumes', {
      description: 'Usage is known for volumes that have a limit or a mounted file system of their own.',
      height: 12,
      labels: {
        namespace: 'namespace',
        persistentvolumeclaim: 'claim',
        node: 'node',
        pool: 'pool',
        backend: 'backend',
        volume_id: 'volume',
      },
      values: [
        { expr: claimed('capacity_bytes'), legend: 'size', unit: 'bytes' },
        { expr: claimed('used_bytes'), legend: 'used', unit: 'bytes' },
        { expr: claimed('available_bytes'), legend: 'available', unit: 'bytes' },
        {
          expr: `1 - ${claimed('available_bytes')} / ${claimed('capacity_bytes')}`,
          legend: 'full',
          unit: 'percentunit',
        },
        { expr: claimed('inodes_used'), legend: 'inodes used', unit: 'short' },
      ],
    }),
    graph(
      'Fullest volumes',
      { unit: 'percentunit', width: 12 },
      { expr: `topk(10, 1 - ${claimed('available_bytes')} / ${claimed('capacity_bytes')})`, legend: CLAIM },
    ),
    graph(
      'Volumes with the most inodes used',
      { unit: 'percentunit', width: 12 },
      { expr: `topk(10, ${claimed('inodes_used')} / ${claimed('inodes')})`, legend: CLAIM },
    ),
  ],
};

export const copies: Row = {
  title: 'Copies, removals and snapshots',
  panels: [
    graph(
      'Copies in progress',
      { unit: 'short', description: 'Waiting copies wait for a file that a process holds a lease on.' },
      poolQuery('copies_in_progress'),
      poolQuery('copies_waiting', ' waiting'),
    ),
    graph(
      'Progress of copies',
      { unit: 'percentunit' },
      {
        expr: `${ofPools('csi_hostpath_pool_copies_copied_bytes')} / (${ofPools('csi_hostpath_pool_copies_expected_bytes')} > 0)`,
        legend: POOL,
      },
    ),
    graph(
      'Copied',
      { unit: 'Bps' },
      { expr: `rate(${ofPools('csi_hostpath_pool_copied_bytes_total')}[$__rate_interval])`, legend: POOL },
    ),
    graph(
      'Copies ended in an hour',
      { unit: 'short' },
      { expr: `increase(${ofPools('csi_hostpath_pool_copies_total')}[1h])`, legend: `${POOL} {{result}}` },
    ),
    graph(
      'Removals',
      { unit: 'short', description: 'Directories with deleted content that are still there.' },
      poolQuery('removals_pending'),
      poolQuery('removals_failing', ' failing'),
    ),
    graph('Snapshots', { unit: 'short' }, poolQuery('snapshots'), poolQuery('group_snapshots', ' groups')),
    graph(
      'Size of snapshots',
      {
        unit: 'bytes',
        width: 24,
        description:
          'The sizes of their volumes, and what those occupied. Snapshots that share blocks occupy less.',
      },
      poolQuery('snapshots_size_bytes', ' size'),
      poolQuery('snapshots_content_bytes', ' content'),
    ),
  ],
};
