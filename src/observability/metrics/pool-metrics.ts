import { type SampledMetric, sampleIfKnown } from './definition.ts';
import type { Scrape, ScrapedPool } from './scrape.ts';

/** Usage of file systems that allocate inodes dynamically is zero, which does not mean anything. */
const inodesOf = ({ known: { usage } }: ScrapedPool) =>
  usage && usage.inodes.total > 0n ? usage.inodes : undefined;

function ofEach(
  name: string,
  unit: SampledMetric<Scrape>['unit'],
  meaning: string,
  read: (each: ScrapedPool, scrape: Scrape) => bigint | number | boolean | undefined,
): SampledMetric<Scrape> {
  return {
    name: `csi_hostpath_pool_${name}`,
    type: 'gauge',
    labels: ['pool'],
    unit,
    meaning,
    samples: (scrape) => scrape.pools.flatMap((each) => sampleIfKnown(each.labels, read(each, scrape))),
  };
}

/** The metrics of each pool: its disk, and the space promised to its volumes. */
export const poolMetrics: readonly SampledMetric<Scrape>[] = [
  ofEach(
    'reachable',
    '0 or 1',
    'Whether the disk of the pool is present and answers.',
    ({ known }) => known.isReachable,
  ),
  ofEach(
    'shares_system_disk',
    '0 or 1',
    'Whether the pool is on the disk of the root directory or of the kubelet, so that the kubelet evicts pods when volumes fill it.',
    ({ pool }) => pool.sharesSystemDisk,
  ),
  ofEach('capacity_bytes', 'bytes', 'Size of the disk.', ({ known }) => known.usage?.bytes.total),
  ofEach(
    'used_bytes',
    'bytes',
    'Bytes used on the disk, not only by volumes.',
    ({ known }) => known.usage?.bytes.used,
  ),
  ofEach(
    'available_bytes',
    'bytes',
    'Bytes available on the disk to unprivileged writers.',
    ({ known }) => known.usage?.bytes.available,
  ),
  ofEach(
    'inodes',
    'number',
    'Number of inodes on the disk; absent on btrfs, which has no limit.',
    (each) => inodesOf(each)?.total,
  ),
  ofEach(
    'inodes_used',
    'number',
    'Number of inodes used on the disk; absent like the number of inodes.',
    (each) => inodesOf(each)?.used,
  ),
  ofEach(
    'limit_bytes',
    'bytes',
    'Bytes that may be promised to volumes: the configured capacity times --overcommit; absent without a capacity.',
    ({ pool }) => pool.account.limitBytes,
  ),
  ofEach(
    'promised_bytes',
    'bytes',
    'Sum of the sizes of all volumes in the pool, including retained ones.',
    ({ pool }) => pool.account.reservedBytes,
  ),
  ofEach(
    'provisionable_bytes',
    'bytes',
    'Bytes that a new volume can get, as GetCapacity reports them.',
    ({ known }) => known.provisionableBytes,
  ),
  {
    name: 'csi_hostpath_class_limit_bytes',
    type: 'gauge',
    labels: ['pool', 'class'],
    unit: 'bytes',
    meaning:
      'Bytes that may be promised to volumes of an accounting class: its --capacity times --overcommit.',
    samples: (scrape) => ofClasses(scrape, ({ limitBytes }) => limitBytes),
  },
  {
    name: 'csi_hostpath_class_promised_bytes',
    type: 'gauge',
    labels: ['pool', 'class'],
    unit: 'bytes',
    meaning: 'Sum of the sizes of all volumes in an accounting class, including retained ones.',
    samples: (scrape) => ofClasses(scrape, ({ reservedBytes }) => reservedBytes),
  },
  ofEach(
    'survey_timestamp_seconds',
    'Unix time in seconds',
    'When everything about the pool and its volumes was last looked up; absent if it never was.',
    ({ known }) => known.completedAt && known.completedAt.getTime() / 1000,
  ),
  {
    name: 'csi_hostpath_scrape_incomplete',
    type: 'gauge',
    labels: ['pool'],
    unit: '0 or 1',
    meaning:
      'Whether the pool did not answer in time, so that what this scrape reports about its disk, its volumes and their health is older, or missing.',
    samples: ({ pools }) => pools.map(({ labels, known }) => ({ labels, value: known.isComplete ? 0 : 1 })),
  },
];

type ClassAccount = ScrapedPool['pool']['account'];

function ofClasses({ pools }: Scrape, read: (account: ClassAccount) => bigint | undefined) {
  return pools.flatMap(({ pool, labels }) =>
    [...pool.classes].flatMap(([name, account]) => sampleIfKnown({ ...labels, class: name }, read(account))),
  );
}
