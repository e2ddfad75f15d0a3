import { deleteClaims, untilBound } from './claims.ts';
import type { Cluster } from './cluster.ts';
import { create } from './kubectl.ts';
import type { Counts, ScaleNumbers } from './numbers.ts';
import {
  claim,
  foreignClaim,
  foreignVolume,
  IMMEDIATE_CLASS,
  namesOf,
  podWithoutScheduler,
} from './objects.ts';

const SERIES_CLAIMS = 10;
const FOREIGN_OBJECTS = 1000;

/** The number of time series of a driver without volumes, and for each volume, in a cluster of one node. */
export async function measureSeries(cluster: Cluster): Promise<ScaleNumbers['series']> {
  const names = namesOf('claim', SERIES_CLAIMS);
  const base = await cluster.metricSeries();
  await create(names.map((name) => claim(name, IMMEDIATE_CLASS)));
  await untilBound(names.length);
  // A scrape may report what one saw a few seconds earlier.
  await cluster.calmDown();
  const withVolumes = await cluster.metricSeries();
  await deleteClaims();
  return { base, perVolume: (withVolumes - base) / names.length };
}

/** How much each program grows with objects that have nothing to do with the driver. */
export async function measureCaches(cluster: Cluster): Promise<ScaleNumbers['cacheKib']> {
  const names = namesOf('foreign', FOREIGN_OBJECTS);
  const perClaim = await growth(cluster, async () => {
    await create(names.flatMap((name) => [foreignVolume(name), foreignClaim(name)]));
    await untilBound(names.length);
  });
  const perPod = await growth(cluster, () => create(names.map((name) => podWithoutScheduler(name))));
  return { perClaim, perPod };
}

/** The growth of each program through an action, in KiB for each foreign object. */
async function growth(cluster: Cluster, action: () => Promise<void>): Promise<Counts> {
  const before = await cluster.memory();
  await action();
  await cluster.calmDown();
  const after = await cluster.memory();
  return Object.fromEntries(
    Object.entries(after).map(([program, { rss }]) => {
      const grownKib = (rss - (before[program]?.rss ?? rss)) * 1024;
      return [program, Math.round((grownKib / FOREIGN_OBJECTS) * 10) / 10];
    }),
  );
}
