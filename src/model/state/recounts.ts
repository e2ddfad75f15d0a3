import { quote } from '../errors.ts';
import { type Finding, finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Recount } from '../ports/ports.ts';
import type { Catalogue } from './catalogue.ts';

/**
 * The maximum age of a count without any sign of a problem. A recount visits each file, so its cost grows with their
 * number.
 */
const ROUTINE_MS = 60 * 60 * 1000;
/** The same if there is one: the volume is nearly full, or files were charged wrongly. */
const URGENT_MS = 60 * 1000;
/** Recounts of a whole pool take at most one part in this many of the time. */
const WHOLE_POOL_INTERVAL_FACTOR = 10;

/** The result of the last recount of a volume. */
interface LastRecount {
  readonly atMs: number;
  /** Its files that were charged to other projects, or to none, and are charged to it again. */
  readonly reclaimed: number;
  /** Files that could not be examined or charged again. */
  readonly failures: number;
}

/** How the background work uses a pool. */
export type UsePool = (poolName: string, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/** The recounts as the model uses them. */
export interface RecountChecks {
  /**
   * Returns the findings of the last recount, and queues a new one if that is too long ago.
   * @param isNearlyFull whether files of other volumes may have filled it
   */
  check(volume: Volume, isNearlyFull: boolean): Finding[];
  /** Returns the findings of the last recount, and queues none. */
  lastFindings(volume: Volume): Finding[];
  /** Queues every volume of a pool: usage is charged to a project whose volume is gone. */
  checkPool(poolName: string): void;
  /** Resolves when no recount is running. */
  idle(): Promise<void>;
}

/** The same recounts for a reader that looks often: it never starts one, since their cost grows with the number of files. */
export function withoutStarting(recounts: RecountChecks): RecountChecks {
  return {
    check: (volume) => recounts.lastFindings(volume),
    lastFindings: (volume) => recounts.lastFindings(volume),
    checkPool: () => {},
    idle: () => recounts.idle(),
  };
}

/**
 * Checks in the background which files the project quotas of volumes count. The owner of a file may move it to the
 * project of another volume, whose limit it then uses up, or to no project, where no limit applies. A health check of
 * a volume starts a recount; the next one reports the findings, which have been corrected by then. One volume per
 * pool is recounted at a time.
 */
export class Recounts implements RecountChecks {
  private readonly catalogueOf: () => Catalogue;
  private readonly usePool: UsePool;
  private readonly nowMs: () => number;
  private readonly counted = new Map<string, LastRecount>();
  /** How many files of other volumes were charged to a volume, by its id. */
  private readonly charged = new Map<string, number>();
  private readonly waiting = new Map<string, Set<string>>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly nextWholePoolMs = new Map<string, number>();

  /**
   * @param catalogueOf the catalogue for background work, which outlasts every call
   * @param nowMs a monotonic clock
   */
  constructor(catalogueOf: () => Catalogue, usePool: UsePool, nowMs: () => number = () => performance.now()) {
    this.catalogueOf = catalogueOf;
    this.usePool = usePool;
    this.nowMs = nowMs;
  }

  check(volume: Volume, isNearlyFull: boolean): Finding[] {
    const { id, pool, content } = volume;
    if (content.backend !== 'quota') return [];
    const findings = this.lastFindings(volume);
    const { atMs = -Infinity, failures = 0 } = this.counted.get(id) ?? {};
    const isUrgent = isNearlyFull || findings.length > 0 || failures > 0;
    if (this.nowMs() - atMs > (isUrgent ? URGENT_MS : ROUTINE_MS)) this.add(pool, id);
    return findings;
  }

  checkPool(poolName: string): void {
    for (const { id } of this.volumesIn(poolName)) {
      const { atMs = -Infinity } = this.counted.get(id) ?? {};
      if (this.nowMs() - atMs > URGENT_MS) this.add(poolName, id);
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.running.values());
  }

  lastFindings({ id }: Volume): Finding[] {
    const name = `volume ${quote(id)}`;
    const { reclaimed = 0, failures = 0 } = this.counted.get(id) ?? {};
    const charged = this.charged.get(id) ?? 0;
    const uncertain = failures > 0 ? `; ${failures} more could not be checked or corrected` : '';
    return [
      ...(reclaimed > 0
        ? [
            finding(
              'QuotaBypassed',
              `${reclaimed} files of ${name} were not counted for it because their project was changed; corrected${uncertain}`,
            ),
          ]
        : []),
      ...(charged > 0
        ? [finding('QuotaMisused', `${charged} files of other volumes were counted for ${name}; corrected`)]
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
      await this.usePool(pool, (signal) => this.recountVolume(pool, id, signal));
    }
  }

  private async recountVolume(pool: string, id: string, signal: AbortSignal): Promise<void> {
    this.charged.delete(id);
    const recount = await this.recount(id, signal);
    if (!recount || recount.unaccounted === 0) return;
    const startMs = this.nowMs();
    if (startMs < (this.nextWholePoolMs.get(pool) ?? 0)) return;
    for (const other of this.volumesIn(pool)) {
      if (other.id !== id) await this.recount(other.id, signal);
    }
    const tookMs = this.nowMs() - startMs;
    this.nextWholePoolMs.set(pool, this.nowMs() + Math.max(URGENT_MS, tookMs * WHOLE_POOL_INTERVAL_FACTOR));
  }

  private async recount(id: string, signal: AbortSignal): Promise<Recount | undefined> {
    const { volumes } = this.catalogueOf();
    const volume = volumes.findIntact(id);
    if (!volume) {
      this.counted.delete(id);
      this.charged.delete(id);
      return undefined;
    }
    const owners = this.ownersOfProjects();
    const recount = await this.catalogueOf()
      .dataOf(volume)
      .recount({ signal, otherProjects: projectsOfOthers(owners, id) });
    if (!recount) return undefined;
    let reclaimed = 0;
    for (const [projectId, count] of recount.reclaimed) {
      reclaimed += count;
      const chargedId = owners.get(projectId);
      if (chargedId !== undefined) this.charged.set(chargedId, (this.charged.get(chargedId) ?? 0) + count);
    }
    this.counted.set(id, { atMs: this.nowMs(), reclaimed, failures: recount.failures });
    return recount;
  }

  /** The volume of each project. Retained volumes keep their projects too. */
  private ownersOfProjects(): Map<number, string> {
    const { volumes, retained } = this.catalogueOf();
    const owners = new Map<number, string>();
    for (const { id, content } of [...volumes.all(), ...retained.all()]) {
      if (content.backend === 'quota') owners.set(content.projectId, id);
    }
    return owners;
  }

  private volumesIn(poolName: string): Volume[] {
    const { volumes } = this.catalogueOf();
    return volumes.all().filter(({ pool, content }) => pool === poolName && content.backend === 'quota');
  }
}

function projectsOfOthers(owners: ReadonlyMap<number, string>, id: string): Set<number> {
  return new Set([...owners].filter(([, owner]) => owner !== id).map(([projectId]) => projectId));
}
