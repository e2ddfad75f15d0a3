import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, measurePairs, type Rounds } from '../bench.ts';
import { commandsMs } from '../copies/commands.ts';
import { type Content, hardLinks, oneFile, smallFiles } from '../copies/content.ts';
import type { DiskKind } from '../copies/disk.ts';
import { CopyDriver, directoryOf, millisecondsOf, untilRemoved } from '../copies/driver.ts';
import { diskOf } from '../copies/places.ts';
import type { Line, Measurement } from '../measurement.ts';
import type { Bound } from '../verdict.ts';

const VOLUME_BYTES = 2 * 1024 ** 3;
const once = { least: 1, most: 1 };

interface TreeCopy {
  readonly id: string;
  readonly content: Content;
  readonly disk: DiskKind;
  readonly rounds: Rounds;
  /** Copies $1 to $2 and syncs, as the driver does. */
  readonly commands: string;
  /** How the commands are shown. */
  readonly against: string;
  readonly bound: Bound;
}

/** Trees whose files are copied by reflink, one by one. */
export const treeLine: Line = {
  name: 'tree',
  isShort: false,
  async *measure(bench) {
    const reflink = {
      disk: 'xfs',
      commands: 'cp -a --reflink "$1" "$2"; sync -f "$2"',
      against: 'cp -a --reflink, with a sync',
      bound: { atMost: 1.3 },
    } as const;
    const files = smallFiles(bench.amount(10_000, 1000));
    const links = hardLinks(bench.amount(600_000, 10_000));
    yield await measureTree(bench, {
      ...reflink,
      id: 'tree-files',
      content: files,
      rounds: bench.rounds(7, 3),
    });
    yield await measureTree(bench, { ...reflink, id: 'tree-links', content: links, rounds: once });
  },
};

/** A file whose data is copied, because its file system cannot share blocks. */
export const plainCopyLine: Line = {
  name: 'plain-copy',
  isShort: false,
  async *measure(bench) {
    yield await measureTree(bench, {
      id: 'plain-copy',
      content: oneFile(bench.amount(1024, 64)),
      disk: 'ext4',
      rounds: bench.rounds(7, 3),
      commands: 'mkdir "$2"; cp --sparse=always "$1/file" "$2/file"; sync -f "$2"',
      against: 'cp --sparse=always, with a sync',
      bound: { atMost: 1 },
    });
  },
};

async function measureTree(bench: Bench, tree: TreeCopy): Promise<Measurement> {
  const { id, content, rounds, commands, against, bound } = tree;
  const disk = await diskOf(bench, tree.disk);
  const driver = await CopyDriver.start(bench, disk);
  const place = { disk, backend: 'directory' } as const;
  const volume = await driver.createWith(place, VOLUME_BYTES, content);
  const pairs = await measurePairs(
    rounds,
    bound,
    async () => {
      let snapshot = '';
      const ms = await millisecondsOf(async () => {
        snapshot = await driver.snapshot(volume);
      });
      await driver.deleteSnapshot(snapshot);
      await untilRemoved(disk);
      return ms;
    },
    async () => {
      const copy = join(disk.root, 'copy');
      const ms = await commandsMs(commands, join(directoryOf(place, volume), 'data'), copy);
      rmSync(copy, { recursive: true });
      return ms;
    },
  );
  await driver.deleteVolume(volume);
  await untilRemoved(disk);
  await driver.stop();
  return { id, title: `snapshot of ${content.label} on ${disk.title}`, against, unit: 'ms', bound, pairs };
}
