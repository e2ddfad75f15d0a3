import { join } from 'node:path';
import { commandsMs } from '../copies/commands.ts';
import { smallFiles } from '../copies/content.ts';
import { CopyDriver, directoryOf, millisecondsOf, type Place, untilRemoved } from '../copies/driver.ts';
import { diskOf } from '../copies/places.ts';
import type { Line } from '../measurement.ts';

const VOLUME_BYTES = 1024 ** 3;
const CALL_BOUND = 1.5;

/** Deleting a volume of very many files: the call, and the removal after it. */
export const deleteLine: Line = {
  name: 'delete',
  isShort: false,
  async *measure(bench) {
    const files = smallFiles(bench.amount(100_000, 2000));
    const place = { disk: await diskOf(bench, 'ext4'), backend: 'directory' } as const;
    const driver = await CopyDriver.start(bench, place.disk);
    const calls = [];
    const removals = [];
    for (let round = 0; round < bench.amount(5, 3); round++) {
      const emptyMs = await emptyCallMs(driver, place);
      const { callMs, removalMs, commandMs } = await deleteFull(driver, place, files.write);
      calls.push({ subject: callMs, reference: emptyMs });
      removals.push({ subject: removalMs, reference: commandMs });
    }
    await driver.stop();
    const title = `a volume of ${files.label}`;
    yield {
      id: 'delete-call',
      title: `DeleteVolume of ${title}`,
      against: 'of an empty one',
      unit: 'ms',
      bound: { atMost: CALL_BOUND },
      pairs: calls,
    };
    yield {
      id: 'delete-removal',
      title: `removing ${title}, after the call`,
      against: 'rm -r',
      unit: 'ms',
      bound: { atMost: 1.5 },
      pairs: removals,
    };
  },
};

async function emptyCallMs(driver: CopyDriver, place: Place): Promise<number> {
  const volume = await driver.create(place, VOLUME_BYTES);
  const ms = await millisecondsOf(() => driver.deleteVolume(volume));
  await untilRemoved(place.disk);
  return ms;
}

async function deleteFull(driver: CopyDriver, place: Place, write: (directory: string) => Promise<void>) {
  const volume = await driver.create(place, VOLUME_BYTES);
  const data = join(directoryOf(place, volume), 'data');
  await write(data);
  const copy = join(place.disk.root, 'copy');
  await commandsMs('cp -a "$1" "$2"; sync -f "$2"', data, copy);
  const callMs = await millisecondsOf(() => driver.deleteVolume(volume));
  const removalMs = await millisecondsOf(() => untilRemoved(place.disk));
  return { callMs, removalMs, commandMs: await commandsMs('rm -r "$1"', copy) };
}
