import type { RunningCopy } from '../../model/state/copies.ts';
import type { SampledMetric } from './definition.ts';
import type { Scrape, ScrapedPool } from './scrape.ts';

function ofEach(
  name: string,
  unit: 'bytes' | 'number',
  meaning: string,
  read: (each: ScrapedPool, scrape: Scrape) => bigint | number,
): SampledMetric<Scrape> {
  return {
    name: `csi_hostpath_pool_${name}`,
    type: name.endsWith('_total') ? 'counter' : 'gauge',
    labels: ['pool'],
    unit,
    meaning,
    samples: (scrape) =>
      scrape.pools.map((each) => ({ labels: each.labels, value: Number(read(each, scrape)) })),
  };
}

/** A sum over the long copies in progress to a pool. */
function ofCopies(
  name: string,
  unit: 'bytes' | 'number',
  meaning: string,
  read: (copy: RunningCopy) => bigint,
): SampledMetric<Scrape> {
  return ofEach(`copies_${name}`, unit, meaning, ({ pool }, { parts: { copying } }) =>
    sum(copying.copies.running.filter((copy) => copy.pool === pool.name).map(read)),
  );
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}

function inPool<Item extends { readonly pool: string }>(all: readonly Item[], { pool }: ScrapedPool): Item[] {
  return all.filter((each) => each.pool === pool.name);
}

/** The metrics of the content of each pool: numbers of objects, copies in progress, and removals. */
export const contentMetrics: readonly SampledMetric<Scrape>[] = [
  ofEach(
    'volumes',
    'number',
    'Number of volumes, without retained ones and without damaged records.',
    (each, { parts }) => inPool(parts.catalogue.volumes.all(), each).length,
  ),
  ofEach(
    'retained_volumes',
    'number',
    'Number of deleted volumes whose content is kept (onDelete: retain or archive).',
    (each, { parts }) => inPool(parts.catalogue.retained.all(), each).length,
  ),
  ofEach(
    'snapshots',
    'number',
    'Number of snapshots, including those in group snapshots.',
    (each, { parts }) => inPool(parts.catalogue.snapshots.all(), each).length,
  ),
  ofEach(
    'snapshots_size_bytes',
    'bytes',
    'Sum of the sizes of the snapshots, which are those of their volumes.',
    (each, { parts }) => sum(inPool(parts.catalogue.snapshots.all(), each).map(({ sizeBytes }) => sizeBytes)),
  ),
  ofEach(
    'snapshots_content_bytes',
    'bytes',
    'Sum of the bytes that the volumes of the snapshots occupied, where their limit made that known; snapshots that share blocks occupy less.',
    (each, { parts }) =>
      sum(inPool(parts.catalogue.snapshots.all(), each).map(({ occupiedBytes = 0n }) => occupiedBytes)),
  ),
  ofEach(
    'group_snapshots',
    'number',
    'Number of group snapshots.',
    (each, { parts }) => inPool(parts.catalogue.groups.all(), each).length,
  ),
  ofCopies(
    'in_progress',
    'number',
    'Number of copies in progress to new volumes and snapshots that take time; those that share all blocks do not.',
    () => 1n,
  ),
  ofCopies(
    'waiting',
    'number',
    'How many of them wait for a file that a process holds a lease on.',
    ({ isWaiting }) => (isWaiting ? 1n : 0n),
  ),
  ofCopies(
    'copied_bytes',
    'bytes',
    'Bytes that the copies in progress have copied.',
    ({ copiedBytes }) => copiedBytes,
  ),
  ofCopies(
    'expected_bytes',
    'bytes',
    'About how many bytes the copies in progress have to copy, those already copied included, as far as that is known.',
    ({ expectedBytes = 0n }) => expectedBytes,
  ),
  ofEach(
    'copied_bytes_total',
    'bytes',
    'Bytes copied to new volumes and snapshots.',
    ({ pool }, { parts }) => parts.copying.copies.totalsOf(pool.name).copiedBytes,
  ),
  {
    name: 'csi_hostpath_pool_copies_total',
    type: 'counter',
    labels: ['pool', 'result'],
    unit: 'number',
    meaning:
      'Number of copies that took time and have ended; the result is done or failed, also for a stopped copy.',
    samples: ({ pools, parts }) =>
      pools.flatMap(({ pool, labels }) => {
        const totals = parts.copying.copies.totalsOf(pool.name);
        return (['done', 'failed'] as const).map((result) => ({
          labels: { ...labels, result },
          value: totals[result],
        }));
      }),
  },
  ofEach(
    'removals_pending',
    'number',
    'Number of directories with deleted content that are still to be removed.',
    ({ pool }) => pool.removals.pendingCount,
  ),
  ofEach(
    'removals_failing',
    'number',
    'How many of them could not be removed so far; they are retried.',
    ({ pool }) => pool.removals.failingCount,
  ),
];
