import { quote } from '../errors.ts';
import { type Finding, finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Recount } from '../ports/ports.ts';
import type { Model } from './model.ts';

/** Nothing has shown that anything is wrong. Looking at each file costs as much as there are files. */
const ROUTINE_MS = 60 * 60 * 1000;
/** Something has: the volume is nearly full, or was counted wrongly. */
const URGENT_MS = 60 * 1000;
/** Looking through a whole pool is done at most in this part of the time. */
const WHOLE_POOL_SHARE = 10;

/** What was found of a volume when its files were looked at last. */
interface Counted {
  readonly atMs: number;
  /** Its files that counted for others, or for nothing, and count for it again. */
  readonly takenBack: number;
  /** Those of which that is not certain. */
  readonly failures: number;
}

/** How the background reaches a pool. */
export type UsePool = (poolName: string, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/**
 * Looks in the background at what the project quotas of volumes count. The owner of a file may put it into the project
 * of another volume, whose limit is then used up by it, or into none, which no limit holds. A look at a volume's health
 * starts it; the next one tells what was found, and has been put right by then. In each pool one volume is looked at at a time.
 */
export class Recounts {
  private readonly modelOf: () => Model;
  private readonly usePool: UsePool;
  private readonly nowMs: () => number;
  private readonly counted = new Map<string, Counted>();
  /** How many files of others counted for a volume, by its id. */
  private readonly charged = new Map<string, number>();
  private readonly waiting = new Map<string, Set<string>>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly wholeAgainMs = new Map<string, number>();

  /**
   * @param modelOf what the background works with, which outlasts every call
   * @param nowMs a clock that never goes back
   */
  constructor(modelOf: () => Model, usePool: UsePool, nowMs: () => number = () => performance.now()) {
    this.modelOf = modelOf;
    this.usePool = usePool;
    this.nowMs = nowMs;
  }

  /**
   * Answers what was found last, and has the volume looked at where that is long ago.
   * @param isNearlyFull whether it may be the files of others that fill it
   */
  look({ id, pool, content }: Volume, isNearlyFull: boolean): Finding[] {
    if (content.backend !== 'quota') return [];
    const findings = this.findingsOf(id);
    const { atMs = -Infinity, failures = 0 } = this.counted.get(id) ?? {};
    const isUrgent = isNearlyFull || findings.length > 0 || failures > 0;
    if (this.nowMs() - atMs > (isUrgent ? URGENT_MS : ROUTINE_MS)) this.add(pool, id);
    return findings;
  }

  /** Has every volume of a pool looked at: something is counted for one that is gone. */
  lookThrough(poolName: string): void {
    for (const { id } of this.volumesIn(poolName)) {
      const { atMs = -Infinity } = this.counted.get(id) ?? {};
      if (this.nowMs() - atMs > URGENT_MS) this.add(poolName, id);
    }
  }

  /** Resolves when nothing is being looked at. */
  async idle(): Promise<void> {
    await Promise.all(this.running.values());
  }

  private findingsOf(id: string): Finding[] {
    const name = `volume ${quote(id)}`;
    const { takenBack = 0, failures = 0 } = this.counted.get(id) ?? {};
    const charged = this.charged.get(id) ?? 0;
    const uncertain = failures > 0 ? `; ${failures} more could not be looked at or taken back` : '';
    return [
      ...(takenBack > 0
        ? [
            finding(
              'QuotaBypassed',
              `${takenBack} files of ${name} were not counted for it, because somebody has changed their project; they count for it again${uncertain}`,
            ),
          ]
        : []),
      ...(charged > 0
        ? [finding('QuotaMisused', `${charged} files of other volumes counted for ${name}; they do no more`)]
        : []),
    ];
  }

  private add(pool: string, id: string): void {
    const waiting = this.waiting.get(pool) ?? new Set();
    this.waiting.set(pool, waiting.add(id));
    if (this.running.has(pool)) return;
    const run = this.run(pool, waiting)
      // A pool that is gone, or damaged: its health says so. The next look begins anew.
      .catch(() => waiting.clear())
      .finally(() => this.running.delete(pool));
    this.running.set(pool, run);
  }

  private async run(pool: string, waiting: Set<string>): Promise<void> {
    for (const id of waiting) {
      waiting.delete(id);
      await this.usePool(pool, (signal) => this.lookAt(pool, id, signal));
    }
  }

  private async lookAt(pool: string, id: string, signal: AbortSignal): Promise<void> {
    this.charged.delete(id);
    const recount = await this.recount(id, signal);
    if (!recount || recount.unaccounted === 0) return;
    const startMs = this.nowMs();
    if (startMs < (this.wholeAgainMs.get(pool) ?? 0)) return;
    for (const other of this.volumesIn(pool)) {
      if (other.id !== id) await this.recount(other.id, signal);
    }
    const tookMs = this.nowMs() - startMs;
    this.wholeAgainMs.set(pool, this.nowMs() + Math.max(URGENT_MS, tookMs * WHOLE_POOL_SHARE));
  }

  private async recount(id: string, signal: AbortSignal): Promise<Recount | undefined> {
    const { volumes, pools } = this.modelOf();
    const volume = volumes.findIntact(id);
    if (!volume) {
      this.counted.delete(id);
      this.charged.delete(id);
      return undefined;
    }
    const owners = this.ownersOfProjects();
    const { records, backends } = pools.of(volume);
    const recount = await backends[volume.content.backend].recount(records.volumes.directoryOf(id), volume, {
      signal,
      isOthers: (projectId) => (owners.get(projectId) ?? id) !== id,
    });
    if (!recount) return undefined;
    let takenBack = 0;
    for (const [projectId, count] of recount.takenBack) {
      takenBack += count;
      const victim = owners.get(projectId);
      if (victim !== undefined) this.charged.set(victim, (this.charged.get(victim) ?? 0) + count);
    }
    this.counted.set(id, { atMs: this.nowMs(), takenBack, failures: recount.failures });
    return recount;
  }

  /** Whose each project is. Volumes that are kept for their owner have theirs, too. */
  private ownersOfProjects(): Map<number, string> {
    const { volumes, retained } = this.modelOf();
    const owners = new Map<number, string>();
    for (const { id, content } of [...volumes.all(), ...retained.all()]) {
      if (content.backend === 'quota') owners.set(content.projectId, id);
    }
    return owners;
  }

  private volumesIn(poolName: string): Volume[] {
    const { volumes } = this.modelOf();
    return volumes.all().filter(({ pool, content }) => pool === poolName && content.backend === 'quota');
  }
}
