import type { Bench } from '../bench.ts';
import { oneFile } from '../copies/content.ts';
import type { DiskKind } from '../copies/disk.ts';
import { CopyDriver, type Place } from '../copies/driver.ts';
import { diskOf, sourceIn } from '../copies/places.ts';
import type { Line, Measurement } from '../measurement.ts';
import { medianOf } from '../processes/report.ts';
import { type Bound, isCertain, type Pair, ratioOf } from '../verdict.ts';

const operations = ['snapshot', 'restore', 'clone'] as const;
type Operation = (typeof operations)[number];
type Reference = 'kernel' | 'small';

/** Milliseconds of each operation. */
type Timing = Readonly<Record<Operation, number>>;

const VOLUME_BYTES = 2 * 1024 ** 3;
const SMALL_MIB = 1;
const KERNEL_BOUND = { atMost: 2 };
// What users are promised: a copy that shares blocks takes as long for any amount of data.
const SIZE_BOUND = { atMost: 2 };

const places: readonly { title: string; disk: DiskKind; backend: Place['backend'] }[] = [
  { title: 'directory on XFS', disk: 'xfs', backend: 'directory' },
  { title: 'btrfs subvolume', disk: 'btrfs', backend: 'directory' },
  { title: 'image on XFS', disk: 'xfs', backend: 'image' },
  { title: 'image on btrfs', disk: 'btrfs', backend: 'image' },
];

/** Copies that share blocks. */
export const reflinkLine: Line = {
  name: 'reflink',
  isShort: true,
  async *measure(bench) {
    for (const { title, disk: kind, backend } of places) {
      const place = { disk: await diskOf(bench, kind), backend };
      yield* measurePlace(bench, place, { title, id: `${kind}-${backend}` });
    }
  },
};

interface Names {
  readonly title: string;
  readonly id: string;
}

async function* measurePlace(bench: Bench, place: Place, names: Names): AsyncGenerator<Measurement> {
  const driver = await CopyDriver.start(bench, place.disk);
  await driver.warmUp(bench, place);
  const largeMib = bench.amount(1024, 256);
  const small = await driver.createWith(place, VOLUME_BYTES, oneFile(SMALL_MIB));
  const large = await driver.createWith(place, VOLUME_BYTES, oneFile(largeMib));
  const rounds = { bench, driver, place, small, large };
  const sizes = `${oneFile(largeMib).label}`;
  const idle = await measureAgainst(rounds, 'kernel', KERNEL_BOUND);
  yield slowest(idle, 'kernel', KERNEL_BOUND, {
    id: `reflink-${names.id}`,
    title: `of ${sizes}, ${names.title}`,
    against: 'what the kernel takes for it',
  });
  const against = `${oneFile(SMALL_MIB).label}`;
  const id = `reflink-size-${names.id}`;
  yield slowest(idle, 'small', SIZE_BOUND, { id, title: `of ${sizes}, ${names.title}`, against });
  for (const volume of [small, large]) await driver.stage(volume);
  const title = `of ${sizes}, ${names.title}, in use`;
  yield slowest(await measureAgainst(rounds, 'small', SIZE_BOUND), 'small', SIZE_BOUND, {
    id: `${id}-staged`,
    title,
    against,
  });
  for (const volume of [small, large]) {
    await driver.unstage(volume);
    await driver.deleteVolume(volume);
  }
  await driver.stop();
}

interface Round {
  readonly large: Timing;
  readonly small: Timing;
  readonly kernel: Timing;
}

interface Copies {
  readonly bench: Bench;
  readonly driver: CopyDriver;
  readonly place: Place;
  readonly small: string;
  readonly large: string;
}

/** Measures rounds until it is certain whether the slowest of the operations keeps a bound. */
async function measureAgainst(parts: Copies, reference: Reference, bound: Bound): Promise<Round[]> {
  const { bench, place } = parts;
  await place.disk.noteRest();
  // A warm-up.
  await measureRound(parts, true);
  const rounds: Round[] = [];
  const { least, most } = bench.rounds(15, 5);
  const isKnown = () => isCertain(ratioOf(slowestPairs(rounds, reference).pairs), bound);
  while (rounds.length < least || (rounds.length < most && !isKnown())) {
    rounds.push(await measureRound(parts, rounds.length % 2 === 0));
  }
  return rounds;
}

async function measureRound(parts: Copies, isLargeFirst: boolean): Promise<Round> {
  const { bench, place, large } = parts;
  const timings = await measureBoth(parts, isLargeFirst);
  const floor = await bench.floor.copy(place.disk.root, sourceIn(place, large), { calls: 1, warmUp: 0 });
  const kernelMs = medianOf(floor, 'create') / 1000;
  const kernel = { snapshot: kernelMs, restore: kernelMs, clone: kernelMs };
  await place.disk.rest();
  return { ...timings, kernel };
}

async function measureBoth(parts: Copies, isLargeFirst: boolean): Promise<Pick<Round, 'large' | 'small'>> {
  if (isLargeFirst) return { large: await copy(parts, parts.large), small: await copy(parts, parts.small) };
  const small = await copy(parts, parts.small);
  return { large: await copy(parts, parts.large), small };
}

/** Copies once, and waits until nothing of the copies is left. */
async function copy({ bench, driver, place }: Copies, source: string): Promise<Timing> {
  const load = { calls: 1, warmUp: 0, concurrency: 1 };
  const more = ['-source', source, '-size', String(VOLUME_BYTES)];
  const report = await bench.client.run(driver.at(place), 'copies', load, more);
  await place.disk.rest();
  const milliseconds = (operation: Operation) => medianOf(report, operation) / 1000;
  return {
    snapshot: milliseconds('snapshot'),
    restore: milliseconds('restore'),
    clone: milliseconds('clone'),
  };
}

/** The one of the three operations whose ratio is the worst. */
function slowest(
  rounds: readonly Round[],
  reference: Reference,
  bound: Bound,
  { id, title, against }: Pick<Measurement, 'id' | 'title' | 'against'>,
): Measurement {
  const { operation, pairs } = slowestPairs(rounds, reference);
  return { id, title: `${operation} ${title}`, against, unit: 'ms', bound, pairs };
}

function slowestPairs(rounds: readonly Round[], reference: Reference) {
  const pairsOf = (operation: Operation): Pair[] =>
    rounds.map((round) => ({ subject: round.large[operation], reference: round[reference][operation] }));
  const [operation = 'snapshot'] = operations.toSorted(
    (one, other) => ratioOf(pairsOf(other)).median - ratioOf(pairsOf(one)).median,
  );
  return { operation, pairs: pairsOf(operation) };
}
