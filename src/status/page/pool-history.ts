import type { StatusReport } from '../report.ts';
import { usedShare } from '../used-share.ts';

/** How much of a pool's disk was used at a time, from 0 to 1. */
export interface UsePoint {
  readonly atMs: number;
  readonly share: number;
}

const KEPT_MS = 60 * 60 * 1000;
const INTERVAL_MS = 60 * 1000;

/** The use of each pool's disk in the last hour, a point for each minute, in memory. */
export class PoolHistory {
  private readonly points = new Map<string, UsePoint[]>();

  /** Adds what a report says, unless the last point is younger than a minute. */
  add({ pools }: Pick<StatusReport, 'pools'>, now: Date): void {
    const atMs = now.getTime();
    for (const { name, space } of pools) {
      const known = (this.points.get(name) ?? []).filter((point) => atMs - point.atMs < KEPT_MS);
      const last = known.at(-1);
      if (space && (last === undefined || atMs - last.atMs >= INTERVAL_MS)) {
        known.push({ atMs, share: usedShare(space) });
      }
      this.points.set(name, known);
    }
  }

  of(pool: string): readonly UsePoint[] {
    return this.points.get(pool) ?? [];
  }
}
