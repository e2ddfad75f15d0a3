import { quote } from '../errors.ts';
import { type Finding, finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Recount } from '../ports/ports.ts';
import type { Model } from './model.ts';

/**
 * The maximum age of a count without any sign of a problem. A recount visits each file, so its cost grows with their
 * number.
 */
const ROUTINE_MS = 60 * 60 * 1000;
/** The same if there is one: the volume is nearly full, or files were charged wrongly. */
const URGENT_MS = 60 * 1000;
/** Recounts of a whole pool take at most one part in this many of the time. */
const WHOLE_POOL_SHARE = 10;

/** The result of the last recount of a volume. */
interface Counted {
  readonly atMs: number;
  /** Its files that were charged to other projects, or to none, and are charged to it again. */
  readonly takenBack: number;
  /** Files that could not be examined or charged again. */
  readonly failures: number;
}

/** How the background work uses a pool. */
export type UsePool = (poolName: string, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/**
 * Checks in the background which files the project quotas of volumes count. The owner of a file may move it to the
 * project of another volume, whose limit it then uses up, or to no project, where no limit applies. A health check of
 * a volume starts a recount; the next one reports the findings, which have been corrected by then. One volume per
 * pool is recounted at a time.
 */
export class Recounts {
  private readonly modelOf: () => Model;
  private readonly usePool: UsePool;
  private readonly nowMs: () => number;
  private readonly counted = new Map<string, Counted>();
  /** How many files of other volumes were charged to a volume, by its id. */
  private readonly charged = new Map<string, number>();
  private readonly waiting = new Map<string, Set<string>>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly wholeAgainMs = new Map<string, number>();

  /**
   * @param modelOf the model for background work, which outlasts every call
   * @param nowMs a monotonic clock
   */
  constructor(modelOf: () => Model, usePool: UsePool, nowMs: () => number = () => performance.now()) {
    this.modelOf = modelOf;
    this.usePool = usePool;
    this.nowMs = nowMs;
  }

  /**
   * Returns the findings of the last recount, and queues a new one if that is too long ago.
   * @param isNearlyFull whether files of other volumes may have filled it
   */
  look({ id, pool, content }: Volume, isNearlyFull: boolean): Finding[] {
    if (content.backend !== 'quota') return [];
    const findings = this.findingsOf(id);
    const { atMs = -Infinity, failures = 0 } = this.counted.get(id) ?? {};
    const isUrgent = isNearlyFull || findings.length > 0 || failures > 0;
    if (this.nowMs() - atMs > (isUrgent ? URGENT_MS : ROUTINE_MS)) this.add(pool, id);
    return findings;
  }

  /** Queues every volume of a pool: usage is charged to a project whose volume is gone. */
  lookThrough(poolName: string): void {
    for (const { id } of this.volumesIn(poolName)) {
      const { atMs = -Infinity } = this.counted.get(id) ?? {};
      if (this.nowMs() - atMs > URGENT_MS) this.add(poolName, id);
    }
  }

  /** Resolves when no recount is running. */
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
      // The pool is gone or damaged: its health reports that. The next health check starts again.
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

  /** The volume of each project. Retained volumes keep their projects too. */
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
