import { join } from 'node:path';
import { type Bench, measureRounds, type Rounds } from '../bench.ts';
import { commandsMs } from '../copies/commands.ts';
import { type Content, emptyFiles, smallFiles } from '../copies/content.ts';
import { CopyDriver, directoryOf, millisecondsOf, type Place, untilRemoved } from '../copies/driver.ts';
import { diskOf } from '../copies/places.ts';
import type { Line } from '../measurement.ts';
import type { Pair } from '../verdict.ts';

const VOLUME_BYTES = 1024 ** 3;
const CALL_BOUND = { atMost: 1.5 };
const REMOVAL_BOUND = { atMost: 1.5 };

/** Deleting a volume of very many files: the call, and the removal after it. */
export const deleteLine: Line = {
  name: 'delete',
  isShort: false,
  async *measure(bench) {
    const count = bench.amount(100_000, 2000);
    const { label, write } = smallFiles(count);
    const place = { disk: await diskOf(bench, 'ext4'), backend: 'directory' } as const;
    const driver = await CopyDriver.start(bench, place.disk);
    const deletion = { driver, place };
    const title = `a volume of ${label}`;
    yield {
      id: 'delete-call',
      title: `DeleteVolume of ${title}`,
      against: 'of an empty one',
      unit: 'ms',
      bound: CALL_BOUND,
      pairs: await measureRounds(callRoundsOf(bench), CALL_BOUND, (round) =>
        deleteBoth(deletion, emptyFiles(count).write, round % 2 === 0),
      ),
    };
    yield {
      id: 'delete-removal',
      title: `removing ${title}, after the call`,
      against: 'rm -r',
      unit: 'ms',
      bound: REMOVAL_BOUND,
      pairs: await measureRounds(removalRoundsOf(bench), REMOVAL_BOUND, () => removeBoth(deletion, write)),
    };
    await driver.stop();
  },
};

/** The disk takes a third more or less from call to call. */
function callRoundsOf(bench: Bench): Rounds {
  return { least: bench.amount(11, 3), most: bench.amount(44, 3) };
}

/** Each takes ten seconds or more. */
function removalRoundsOf(bench: Bench): Rounds {
  return { least: bench.amount(6, 3), most: bench.amount(12, 3) };
}

type Write = Content['write'];

interface Deletion {
  readonly driver: CopyDriver;
  readonly place: Place;
}

/** Deletes a volume of empty files and an empty volume that were prepared together. */
async function deleteBoth(deletion: Deletion, write: Write, isFullFirst: boolean): Promise<Pair> {
  const { driver, place } = deletion;
  const empty = await driver.create(place, VOLUME_BYTES);
  const full = await driver.create(place, VOLUME_BYTES);
  await write(join(directoryOf(place, full), 'data'));
  const emptyFirst = isFullFirst ? undefined : await deleteOne(deletion, empty);
  const { callMs } = await deleteOne(deletion, full);
  const emptyTimes = emptyFirst ?? (await deleteOne(deletion, empty));
  return { subject: callMs, reference: emptyTimes.callMs };
}

/** Removes a volume of small files, and a copy of it. */
async function removeBoth(deletion: Deletion, write: Write): Promise<Pair> {
  const { driver, place } = deletion;
  const full = await driver.create(place, VOLUME_BYTES);
  const data = join(directoryOf(place, full), 'data');
  await write(data);
  const copy = join(place.disk.root, 'copy');
  await commandsMs('cp -a "$1" "$2"; sync -f "$2"', data, copy);
  const { removalMs } = await deleteOne(deletion, full);
  return { subject: removalMs, reference: await commandsMs('rm -r "$1"', copy) };
}

/** Deletes a volume, right after another one: the first call in a while takes longer, whatever it deletes. */
async function deleteOne({ driver, place }: Deletion, volume: string) {
  await driver.deleteVolume(await driver.create(place, VOLUME_BYTES));
  await untilRemoved(place.disk);
  const callMs = await millisecondsOf(() => driver.deleteVolume(volume));
  const removalMs = await millisecondsOf(() => untilRemoved(place.disk));
  return { callMs, removalMs };
}
