import { type Content, oneFile, smallFiles } from './content.ts';
import type { Disk, DiskKind } from './disk.ts';
import type { Driver, Place } from './driver.ts';

/** How many times as long the copy of a full volume may take as that of a nearly empty one, where copies are instant. */
export const PROMISED_RATIO = 2;

const operations = ['snapshot', 'restore', 'clone'] as const;
const sizes = ['small', 'large'] as const;
type Operation = (typeof operations)[number];
type Size = (typeof sizes)[number];

/** What is measured: two volumes of one size, of which one holds little and the other much. */
interface Pair {
  readonly title: string;
  readonly disk: DiskKind;
  readonly backend: Place['backend'];
  readonly contents: Readonly<Record<Size, Content>>;
  /** Whether the two are measured while they are staged as well. */
  readonly inUse: boolean;
  readonly isPromised: boolean;
  readonly rounds: { readonly warmUp: number; readonly measured: number };
}

const instant = {
  contents: { small: oneFile(1), large: oneFile(1024) },
  inUse: true,
  isPromised: true,
  rounds: { warmUp: 1, measured: 15 },
};
const copied = { inUse: false, isPromised: false, rounds: { warmUp: 0, measured: 3 } };

const pairs: readonly Pair[] = [
  { ...instant, title: 'directory on reflink XFS', disk: 'xfs', backend: 'directory' },
  { ...instant, title: 'btrfs subvolume', disk: 'btrfs', backend: 'directory' },
  { ...instant, title: 'image on reflink XFS', disk: 'xfs', backend: 'image' },
  { ...instant, title: 'image on btrfs', disk: 'btrfs', backend: 'image' },
  {
    ...copied,
    title: 'directory on reflink XFS',
    disk: 'xfs',
    backend: 'directory',
    contents: { small: smallFiles(1), large: smallFiles(10_000) },
  },
  {
    ...copied,
    title: 'directory on ext4',
    disk: 'ext4',
    backend: 'directory',
    contents: { small: oneFile(1), large: oneFile(256) },
  },
];

/** Milliseconds. */
type Timing = Readonly<Record<Size, number>>;

/** How long one operation took, round by round. */
export interface Measurement {
  readonly title: string;
  readonly operation: Operation;
  readonly contents: Pair['contents'];
  readonly isPromised: boolean;
  readonly timings: readonly Timing[];
}

interface Sources {
  readonly place: Place;
  readonly ids: Readonly<Record<Size, string>>;
}

/**
 * Measures snapshots, restores and clones.
 * @param words what the titles of the volumes have in them that are measured; all are when there is none
 */
export async function* measureCopies(
  driver: Driver,
  disks: readonly Disk[],
  words: readonly string[],
): AsyncGenerator<Measurement> {
  const chosen = pairs.filter(({ title }) => words.every((word) => title.includes(word)));
  if (chosen.length === 0) {
    throw new Error(
      `there are ${pairs.map(({ title }) => title).join(', ')}; none has ${words.join(' and ')} in it`,
    );
  }
  for (const pair of chosen) {
    const disk = disks.find(({ kind }) => kind === pair.disk);
    if (!disk) throw new Error(`there is no disk of ${pair.disk}`);
    const place = { disk, backend: pair.backend };
    const small = await driver.createWith(place, pair.contents.small);
    const large = await driver.createWith(place, pair.contents.large);
    const sources = { place, ids: { small, large } };
    yield* measurePair(driver, sources, pair);
    if (!pair.inUse) continue;
    for (const size of sizes) await driver.stage(sources.ids[size]);
    yield* measurePair(driver, sources, { ...pair, title: `${pair.title}, in use` });
    for (const size of sizes) await driver.unstage(sources.ids[size]);
  }
}

async function* measurePair(driver: Driver, sources: Sources, pair: Pair): AsyncGenerator<Measurement> {
  const { title, contents, isPromised, rounds } = pair;
  await sources.place.disk.noteRest();
  for (let round = 0; round < rounds.warmUp; round++) await measureRound(driver, sources, sizes);
  const timings: Record<Operation, Timing>[] = [];
  for (let round = 0; round < rounds.measured; round++) {
    // The one that comes second finds another disk and other caches than the first.
    const order = round % 2 === 0 ? sizes : sizes.toReversed();
    timings.push(await measureRound(driver, sources, order));
  }
  for (const operation of operations) {
    yield { title, operation, contents, isPromised, timings: timings.map((each) => each[operation]) };
  }
}

/** Makes everything once, and waits until it is removed again. */
async function measureRound(
  driver: Driver,
  { place, ids }: Sources,
  order: readonly Size[],
): Promise<Record<Operation, Timing>> {
  const snapshot = await timeEach(order, (size) => driver.snapshot(ids[size]));
  const restore = await timeEach(order, (size) =>
    driver.create(place, { snapshot: { snapshot_id: snapshot.made[size] } }),
  );
  const clone = await timeEach(order, (size) => driver.create(place, { volume: { volume_id: ids[size] } }));
  for (const size of sizes) {
    await driver.deleteVolume(clone.made[size]);
    await driver.deleteVolume(restore.made[size]);
    await driver.deleteSnapshot(snapshot.made[size]);
  }
  await place.disk.rest();
  return { snapshot: snapshot.timing, restore: restore.timing, clone: clone.timing };
}

/** Makes one thing of either volume. */
async function timeEach(
  order: readonly Size[],
  make: (size: Size) => Promise<string>,
): Promise<{ made: Record<Size, string>; timing: Timing }> {
  const made = { small: '', large: '' };
  const timing = { small: 0, large: 0 };
  for (const size of order) {
    const startedAt = performance.now();
    made[size] = await make(size);
    timing[size] = performance.now() - startedAt;
  }
  return { made, timing };
}
