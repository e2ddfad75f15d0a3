import { type SampledMetric, sampleIfKnown } from './definition.ts';
import type { Scrape, ScrapedVolume } from './scrape.ts';

const labels = ['volume_id', 'pool', 'backend', 'namespace', 'persistentvolumeclaim'] as const;

function ofEach(
  name: string,
  unit: 'bytes' | 'number',
  meaning: string,
  read: (volume: ScrapedVolume) => bigint | undefined,
): SampledMetric<Scrape> {
  return {
    name: `csi_hostpath_volume_${name}`,
    type: 'gauge',
    labels,
    unit,
    meaning,
    samples: ({ volumes }) => volumes.flatMap((each) => sampleIfKnown(each.labels, read(each))),
  };
}

/** The metrics of each volume. Usage is known of volumes that have a limit or a mounted file system of their own. */
export const volumeMetrics: readonly SampledMetric<Scrape>[] = [
  ofEach(
    'capacity_bytes',
    'bytes',
    'Size of the volume. It is a limit, unless the volume has the health reason CapacityNotEnforced.',
    ({ volume }) => volume.capacityBytes,
  ),
  ofEach(
    'used_bytes',
    'bytes',
    'Bytes used in the volume; absent for a plain directory, a subvolume without a limit and an image that is not mounted.',
    ({ state }) => state?.usage?.bytes.used,
  ),
  ofEach(
    'available_bytes',
    'bytes',
    'Bytes that can still be written to the volume, less if its disk has less left; absent like the used bytes.',
    ({ state }) => state?.usage?.bytes.available,
  ),
  ofEach(
    'inodes',
    'number',
    'Number of inodes that the volume may have; absent like the used bytes, and on btrfs and block volumes.',
    ({ state }) => state?.usage?.inodes?.total || undefined,
  ),
  ofEach(
    'inodes_used',
    'number',
    'Number of inodes used in the volume; absent like the number of inodes.',
    ({ state }) => (state?.usage?.inodes?.total ? state.usage.inodes.used : undefined),
  ),
];
