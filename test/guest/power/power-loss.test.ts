import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { enableQuota } from '../../support/btrfs.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { TestNode, testNode } from '../../support/test-node.ts';
import { type DiskFormat, RecordedDisk, type ReplayedDisk } from '../support/recorded-disk.ts';
import { Caller } from './caller.ts';
import { checkLimits, checkNode, type Progress } from './check-node.ts';
import { type Chain, makeLoad } from './load.ts';
import { type LossPoint, looserPoints, strictPoints } from './loss-points.ts';

/** In `npm run test:power` each flush; otherwise a few of those that calls were acknowledged after. */
const isFull = process.env['POWER_POINTS'] === 'all';
const seed = Number(process.env['POWER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SAMPLE_COUNT = 3;
// How many flushes a state is tried after that has some of the following writes, if there are any.
const LOOSER_COUNT = isFull ? 100 : 2;
const FLAGS = ['--enable-controller-modify-volume'];

const formats: readonly DiskFormat[] = [
  {
    fsType: 'ext4',
    mkfs: ['mkfs.ext4', '-q', '-O', 'project,quota', '-E', 'quotatype=prjquota'],
    mountOptions: ['prjquota'],
  },
  { fsType: 'xfs', mkfs: ['mkfs.xfs', '-q', '-K'], mountOptions: ['prjquota'] },
  {
    fsType: 'btrfs',
    mkfs: ['mkfs.btrfs', '--quiet', '--nodiscard'],
    mountOptions: [],
    prepare: (path) => enableQuota(path, 'qgroup'),
  },
];

/** The ids of the objects that a chain's calls made, by the indexes of the calls. */
type MadeIds = Map<Chain, Map<number, string>>;

test.each(formats)('a pool on $fsType has everything acknowledged after a power loss', async (format) => {
  const load = makeLoad({ canLimitInodes: format.fsType !== 'btrfs' });
  const ids: MadeIds = new Map(load.map((chain) => [chain, new Map()]));
  const disk = await record(format, ids);
  const random = randomNumbers(seed);
  const strict = strictPoints(disk.log);
  const acknowledged = strict.filter(({ entryCount }) => disk.log.entries[entryCount - 1]?.kind === 'mark');
  const chosen = isFull ? strict : sample(acknowledged, SAMPLE_COUNT, random);
  const looser = looserPoints(disk.log, sample(strict, LOOSER_COUNT, random), random);
  const points = [...chosen, ...looser].sort((one, other) => one.entryCount - other.entryCount);
  const counts = `${chosen.length} of ${strict.length} flushes, ${looser.length} states between them`;
  process.stdout.write(`${format.fsType}: ${counts}; POWER_SEED=${seed}\n`);
  const problems: string[] = [];
  for (const point of points) {
    const found = await problemsAfter(disk, point, ids).catch((error: unknown) => [String(error)]);
    const place = describePoint(point, progressAt(disk, point, ids));
    problems.push(...found.map((problem) => `${place}: ${problem}`));
  }
  expect(problems).toEqual([]);
});

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

async function problemsAfter(disk: ReplayedDisk, point: LossPoint, ids: MadeIds): Promise<string[]> {
  const progress = progressAt(disk, point, ids);
  const node = new TestNode();
  mkdirSync(node.pool);
  disk.replay(point.entryCount);
  await disk.mountAt(node.pool, point.more);
  try {
    const wrongLimits = await checkLimits(node.pool, progress);
    await node.start({ flags: FLAGS });
    return [...wrongLimits, ...(await checkNode(node, progress))];
  } finally {
    await node.dispose();
    disk.reset();
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

/** So many of them, and always the last. */
function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  const chosen = new Set(all.slice(-1));
  while (chosen.size < Math.min(count, all.length)) {
    chosen.add(all[Math.floor(random() * all.length)] as T);
  }
  return [...chosen];
}
