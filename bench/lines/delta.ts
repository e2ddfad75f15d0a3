import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { type Bench, measurePairs } from '../bench.ts';
import { CopyDriver, millisecondsOf, type Place } from '../copies/driver.ts';
import { diskOf, sourceIn } from '../copies/places.ts';
import type { Line } from '../measurement.ts';
import type { Pair } from '../verdict.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const CHANGE_BYTES = 64 * 1024;
const CHANGED_SHARE = 0.01;
const SMALL_SHARE = 1 / 16;
const DELTA_BOUND = { atMost: 1.5 };

/** The changed blocks between two snapshots: as many changes in a large and in a small volume. */
export const deltaLine: Line = {
  name: 'delta',
  isShort: false,
  async *measure(bench) {
    const largeBytes = bench.amount(16 * GIB, GIB);
    const smallBytes = largeBytes * SMALL_SHARE;
    const changes = Math.floor((largeBytes * CHANGED_SHARE) / CHANGE_BYTES);
    const place = { disk: await diskOf(bench, 'xfs'), backend: 'image' } as const;
    const driver = await CopyDriver.start(bench, place.disk);
    const large = await prepare(driver, place, largeBytes, changes);
    const small = await prepare(driver, place, smallBytes, changes);
    const pairs = await measureDeltas(bench, driver, large, small);
    await driver.stop();
    yield {
      id: 'delta',
      title: `delta of ${text(largeBytes)} with ${CHANGED_SHARE * 100} % changed`,
      against: `as many changes in ${text(smallBytes)}`,
      unit: 'ms',
      bound: DELTA_BOUND,
      pairs,
    };
  },
};

interface Snapshots {
  readonly base: string;
  readonly target: string;
}

async function measureDeltas(
  bench: Bench,
  driver: CopyDriver,
  large: Snapshots,
  small: Snapshots,
): Promise<Pair[]> {
  const deltaMs = ({ base, target }: Snapshots) => millisecondsOf(() => driver.countChanges(base, target));
  // What it reads for the first time, it reads from the disk.
  for (const snapshots of [large, small]) await deltaMs(snapshots);
  return measurePairs(
    bench.rounds(9, 3),
    DELTA_BOUND,
    () => deltaMs(large),
    () => deltaMs(small),
  );
}

/** Makes a block volume full of data, and takes a snapshot before and after its changes. */
async function prepare(driver: CopyDriver, place: Place, bytes: number, changes: number): Promise<Snapshots> {
  const volume = await driver.create(place, bytes, 'block');
  const image = sourceIn(place, volume);
  writeAt(
    image,
    Array.from({ length: bytes / MIB }, (_, index) => index * MIB),
    randomBytes(MIB),
  );
  const base = await driver.snapshot(volume);
  const distance = Math.floor(bytes / changes / CHANGE_BYTES) * CHANGE_BYTES;
  writeAt(
    image,
    Array.from({ length: changes }, (_, index) => index * distance),
    randomBytes(CHANGE_BYTES),
  );
  return { base, target: await driver.snapshot(volume) };
}

function writeAt(path: string, offsets: readonly number[], data: Buffer): void {
  const fd = openSync(path, 'r+');
  for (const offset of offsets) writeSync(fd, data, 0, data.length, offset);
  fsyncSync(fd);
  closeSync(fd);
}

function text(bytes: number): string {
  return bytes < GIB ? `${bytes / MIB} MiB` : `${bytes / GIB} GiB`;
}
