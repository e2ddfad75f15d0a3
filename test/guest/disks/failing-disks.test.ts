import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { storageHealth } from '../../support/health.ts';
import { randomNumbers } from '../../support/random.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { TestNode } from '../../support/test-node.ts';
import { checkLimits, checkNode } from '../support/check-node.ts';
import { type DiskFormat, diskFormats } from '../support/disk-format.ts';
import { makeLoad } from '../support/load.ts';
import { FailingDisk, type Fault, takesWrites } from './failing-disk.ts';
import { PatientLoad } from './patient-load.ts';
import { expectServed } from './served.ts';
import { isFull, loadCount, seed } from './settings.ts';
import { StepTrigger } from './step-trigger.ts';

const FAULTS_PER_LOAD = isFull ? 6 : 2;
/** A load has a few times as many. */
const MAX_STEPS_TO_FAULT = 30;
const MAX_RETRIES = 5;
// Only for one that hangs.
const TIMEOUT_MS = 120 * 60 * 1000;

test.each(diskFormats)(
  'a pool on $fsType whose disk fails is named, hinders no other, and keeps everything acknowledged',
  async (format) => {
    for (let index = 0; index < loadCount; index++) await surviveFaults(format, seed + index);
  },
  TIMEOUT_MS,
);

/** A load on a disk, both of which outlive faults. */
interface Scene {
  readonly disk: FailingDisk;
  readonly node: TestNode;
  readonly load: PatientLoad;
  readonly steps: StepTrigger;
  readonly counts: { faults: number; remounts: number };
}

async function surviveFaults(format: DiskFormat, ownSeed: number): Promise<void> {
  const disk = await FailingDisk.make(format);
  const node = new TestNode();
  try {
    mkdirSync(node.pool);
    await disk.mountAt(node.pool);
    const steps = new StepTrigger();
    const flags = ['--enable-controller-modify-volume', `--pool=other=${join(node.directory, 'other')}`];
    await node.start({ flags, onStep: steps.onStep });
    const chains = makeLoad({ canLimitInodes: format.fsType !== 'btrfs', hasImages: isFull });
    const load = new PatientLoad(node, chains);
    const scene = { disk, node, load, steps, counts: { faults: 0, remounts: 0 } };
    await runWithFaults(scene, randomNumbers(ownSeed));
    const { faults, remounts } = scene.counts;
    const counts = `${load.failures.length} calls failed in ${faults} faults, ${remounts} remounts`;
    process.stdout.write(`${format.fsType}: ${counts}; DISK_SEED=${ownSeed}\n`);
    expect(load.unclearFailures()).toEqual([]);
    await losePower(scene);
    const wrongLimits = await checkLimits(node.pool, load.progress);
    await node.start({ flags });
    expect([...wrongLimits, ...(await checkNode(node, load.progress))]).toEqual([]);
  } finally {
    await node.dispose();
  }
}

async function runWithFaults(scene: Scene, random: () => number): Promise<void> {
  const { load, counts } = scene;
  const done = load.run().then(() => 'done' as const);
  while (counts.faults < FAULTS_PER_LOAD) {
    const isShort = random() < 0.5;
    const fault = causeFault(scene, random);
    if ((await untilSettled(scene, [done, fault])) === 'done') return;
    counts.faults++;
    if (isShort) await load.someFailed();
    else {
      await load.noneGoesOn();
      await expectServed(scene.node, 'other');
    }
    await repair(scene);
  }
  await untilSettled(scene, [done]);
}

/** Makes the disk fail at one of the driver's next steps. */
async function causeFault({ disk, steps }: Scene, random: () => number): Promise<'fault'> {
  const kind: Fault = random() < 0.5 ? 'writes' : 'everything';
  await steps.after(Math.floor(random() * MAX_STEPS_TO_FAULT), () => disk.fail(kind));
  return 'fault';
}

/** Waits for one of some events. Meanwhile calls may fail although the disk works again: a write can end late. */
async function untilSettled<Event>(scene: Scene, events: readonly Promise<Event>[]): Promise<Event> {
  for (let retries = 0; ; retries++) {
    const stuck = scene.load.noneGoesOn().then(() => 'stuck' as const);
    const event = await Promise.race([...events, stuck]);
    if (event !== 'stuck') return event;
    if (retries === MAX_RETRIES) throw new Error(`calls fail without a fault: ${scene.load.lastFailure}`);
    await repair(scene);
  }
}

/**
 * Ends the fault, and has the failed calls made again: at once if the file system has survived, otherwise when it is
 * mounted again, as docs/guides/recovery.md says, with the driver running.
 */
async function repair({ disk, node, load, counts }: Scene): Promise<void> {
  disk.heal();
  if (!takesWrites(node.pool)) {
    counts.remounts++;
    await load.noneGoesOn();
    expect(await storageHealth(node)).toEqual([
      expect.stringMatching(/ (PoolReadOnly|FileSystemErrors|PoolUnreachable)$/),
    ]);
    await load.takeDown();
    disk.detachFrom(node.pool);
    // The driver finds out that the disk is gone.
    await outcomeOf(node.controller.GetCapacity({}));
    await disk.check();
    await disk.mountAt(node.pool);
  }
  // A btrfs that has survived has counted what failed.
  disk.resetCounters(node.pool);
  expect(await storageHealth(node)).toEqual([]);
  repairImage(load.lastFailure ?? '');
  load.goOn();
}

/** Repairs an image whose errors the check before a mount leaves to a person, by the command in the error. */
function repairImage(failure: string): void {
  const [, image] = /run "e2fsck -f ([^"]+)"/.exec(failure) ?? [];
  if (image !== undefined) spawnSync('e2fsck', ['-f', '-y', image]);
}

/** Ends the driver, with nothing more written, and mounts what was really on the disk. */
async function losePower({ disk, node }: Scene): Promise<void> {
  disk.fail('everything');
  await node.stop();
  await disk.losePower(node.directory);
  await disk.mountAt(node.pool);
}
