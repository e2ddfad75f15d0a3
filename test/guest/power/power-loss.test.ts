import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { eventually } from '../../support/eventually.ts';
import { randomNumbers } from '../../support/random.ts';
import { TestNode, testNode } from '../../support/test-node.ts';
import { Caller } from '../support/caller.ts';
import { checkLimits, checkNode, type Progress } from '../support/check-node.ts';
import { type DiskFormat, diskFormats } from '../support/disk-format.ts';
import { type Chain, makeLoad } from '../support/load.ts';
import { RecordedDisk, type ReplayedDisk } from '../support/recorded-disk.ts';
import { type LossPoint, looserPoints, strictPoints } from './loss-points.ts';

/** In `npm run test:power` each flush; otherwise a few of those that calls were acknowledged after. */
const isFull = process.env['POWER_POINTS'] === 'all';
const seed = Number(process.env['POWER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
// Beside the last.
const SAMPLE_COUNT = 2;
const LOOSER_COUNT = isFull ? 50 : 1;
// Only for one that hangs; all flushes take long on a busy machine.
const TIMEOUT_MS = 120 * 60 * 1000;
const FLAGS = ['--enable-controller-modify-volume'];

/** The ids of the objects that a chain's calls made, by the indexes of the calls. */
type MadeIds = Map<Chain, Map<number, string>>;

test.each(diskFormats)(
  'a pool on $fsType has everything acknowledged after a power loss',
  async (format) => {
    const { fsType } = format;
    const load = makeLoad({
      canLimitInodes: fsType !== 'btrfs',
      // Which take most of the time.
      hasImages: isFull || fsType === 'ext4',
    });
    const ids: MadeIds = new Map(load.map((chain) => [chain, new Map()]));
    const disk = await record(format, ids);
    const random = randomNumbers(seed);
    const strict = strictPoints(disk.log);
    const acknowledged = strict.filter(({ entryCount }) => disk.log.entries[entryCount - 1]?.kind === 'mark');
    const chosen = isFull ? strict : [...sample(acknowledged, SAMPLE_COUNT, random), ...strict.slice(-1)];
    const looser = sample(looserPoints(disk.log, strict, random), LOOSER_COUNT, random);
    const points = [...chosen, ...looser].sort((one, other) => one.entryCount - other.entryCount);
    const counts = `${chosen.length} of ${strict.length} flushes, ${looser.length} states between them`;
    process.stdout.write(`${fsType}: ${counts}; POWER_SEED=${seed}\n`);
    const problems: string[] = [];
    for (const point of points) {
      const progress = progressAt(disk, point, ids);
      const found = await problemsAfter(disk, point, progress).catch((error: unknown) => [String(error)]);
      for (const problem of found) problems.push(`${describePoint(point, progress)}: ${problem}`);
    }
    expect(problems).toEqual([]);
  },
  TIMEOUT_MS,
);

/** Records a driver's work on a new pool, with a mark for each acknowledged call. */
async function record(format: DiskFormat, ids: MadeIds): Promise<ReplayedDisk> {
  const disk = await RecordedDisk.make(format);
  const node = testNode();
  mkdirSync(node.pool);
  await disk.mountAt(node.pool);
  await node.start({ flags: FLAGS });
  const run = async (chain: Chain) => {
    const caller = new Caller(node, chain);
    for (const [index, call] of chain.calls.entries()) {
      const id = await caller.make(call);
      disk.mark(chain.name);
      if (id !== undefined) ids.get(chain)?.set(index, id);
    }
    await caller.takeDown();
  };
  const [alone, ...together] = ids.keys();
  if (alone) await run(alone);
  await Promise.all(together.map(run));
  await node.stop();
  await unmount(node.pool);
  return disk.finish();
}

async function problemsAfter(
  disk: ReplayedDisk,
  point: LossPoint,
  progress: readonly Progress[],
): Promise<string[]> {
  const node = new TestNode();
  mkdirSync(node.pool);
  disk.replay(point.entryCount);
  await disk.mountAt(node.pool, point.more);
  try {
    const wrongLimits = await checkLimits(node.pool, progress);
    await node.start({ flags: FLAGS });
    return [...wrongLimits, ...(await checkNode(node, progress))];
  } finally {
    await node.stop();
    // The kernel detaches an image that was unmounted in the background.
    await eventually(() => unmount(node.pool));
    await eventually(() => disk.reset());
    await node.dispose();
  }
}

function progressAt(disk: ReplayedDisk, { entryCount }: LossPoint, ids: MadeIds): Progress[] {
  const marks = disk.log.entries
    .slice(0, entryCount)
    .flatMap((each) => (each.kind === 'mark' ? each.text : []));
  return [...ids].map(([chain, made]) => ({
    chain,
    acknowledged: marks.filter((mark) => mark === chain.name).length,
    ids: made,
  }));
}

function describePoint({ entryCount, more }: LossPoint, progress: readonly Progress[]): string {
  const calls = progress.map(({ chain, acknowledged }) => `${chain.name}:${acknowledged}`).join(' ');
  return `after ${entryCount} entries and ${more.length} more pieces (${calls})`;
}

function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  const left = [...all];
  const takeOne = () => left.splice(Math.floor(random() * left.length), 1);
  return Array.from({ length: Math.min(count, all.length) }, takeOne).flat();
}
