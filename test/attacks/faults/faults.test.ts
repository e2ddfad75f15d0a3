import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { enableQuota } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import { Random, rounds } from '../support/random.ts';
import { type Fault, faultsOf, titleOf } from './fault.ts';
import { FaultyHost, NodeHit } from './faulty-host.ts';
import type { Kind } from './life.ts';
import { hasStrace } from './strace.ts';

const MIB = 1024 ** 2;
const NO_LIMIT = 0;

const directory: Kind = {
  name: 'a directory',
  capability: mountCapability(),
  parameters: { backend: 'directory' },
  sizeBytes: MIB,
  isLimited: false,
};
const image: Kind = {
  name: 'an image',
  capability: fileSystem('xfs'),
  parameters: { backend: 'image' },
  sizeBytes: 320 * MIB,
  isLimited: true,
};

const subvolume: Kind = {
  name: 'a subvolume',
  capability: mountCapability(),
  parameters: { pool: 'other' },
  sizeBytes: 16 * MIB,
  isLimited: true,
  makePool,
};

function makePool(directory: string): string {
  const file = join(directory, 'btrfs');
  const pool = join(directory, 'btrfs-pool');
  mkdirSync(pool);
  writeFileSync(file, '');
  truncateSync(file, 4096 * MIB);
  execFileSync('mkfs.btrfs', ['--quiet', '--nodiscard', file]);
  execFileSync('mount', ['-o', 'loop', file, pool]);
  enableQuota(pool, 'qgroup');
  return pool;
}

/** How many lives of each kind have faults in `npm test`. */
const livesInCi = [
  [directory, 2],
  [image, 1],
  [subvolume, 1],
] as const;

const isFull = process.env['FAULTS'] === 'all';
const counts = { tried: 0, missed: 0, systemCalls: 0 };

afterAll(() => {
  const { tried, missed, systemCalls } = counts;
  const left = missed === 0 ? '' : ` (${missed} system calls were not made again)`;
  process.stdout.write(`faults: ${tried} tried${left}, of ${systemCalls} system calls\n`);
});

/** Why no system call can be made to fail here. */
function obstacle(): string | undefined {
  if (!isHostRoot) return 'only root of the host has loop devices';
  return hasStrace ? undefined : 'strace is not installed';
}

/** The faults of each step, one for each life: a sample, or all; only those whose titles FAULT matches, if it is set. */
function choose(host: FaultyHost, random: Random, inCi: number): Map<string, Fault[]> {
  const only = new RegExp(process.env['FAULT'] ?? '');
  const all = host.life().map(({ name }): [string, Fault[]] => {
    const faults = faultsOf(host.callsOf(name));
    return [name, faults.filter((fault) => only.test(titleOf(name, fault)))];
  });
  const lives = isFull ? Infinity : rounds(inCi);
  return new Map(all.map(([name, faults]) => [name, random.sample(faults, lives)]));
}

/** One life with a fault in each step. */
async function live(
  host: FaultyHost,
  chosen: ReadonlyMap<string, readonly Fault[]>,
  life: number,
): Promise<void> {
  for (const step of host.life()) {
    const fault = chosen.get(step.name)?.[life];
    if (fault === undefined) await host.expectSuccess(step);
    else {
      try {
        counts[(await host.tryFault(step, fault)) ? 'tried' : 'missed']++;
      } catch (error) {
        throw new Error(titleOf(step.name, fault), { cause: error });
      }
    }
  }
}

function describeFailure({ message, cause }: Error): string {
  const { message: why, actual } = cause as { message: string; actual?: unknown };
  return `${message}: ${why.slice(-1000)} ${JSON.stringify(actual ?? '')}`;
}

if (obstacle() !== undefined) process.stdout.write(`faults: skipped: ${obstacle()}\n`);

describe.skipIf(obstacle() !== undefined)('a system call that fails', () => {
  test.each(livesInCi)(
    'in the life of $name leaves nothing half-done, and the call can be repeated',
    async (kind, inCi) => {
      let host = await FaultyHost.start(kind);
      const chosen = choose(host, new Random(kind.name), inCi);
      for (const step of chosen.keys()) counts.systemCalls += host.callsOf(step).length;
      const lives = Math.max(...[...chosen.values()].map((faults) => faults.length));
      const failures: string[] = [];
      for (let life = 0; life < lives; life++) {
        try {
          await live(host, chosen, life);
        } catch (error) {
          if ((error as Error).cause instanceof NodeHit) counts.missed++;
          else failures.push(describeFailure(error as Error));
          await host.dispose();
          host = await FaultyHost.start(kind);
        }
      }
      expect(failures).toEqual([]);
    },
    isFull || rounds(1) > 1 ? NO_LIMIT : undefined,
  );
});
