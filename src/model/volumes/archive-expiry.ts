import type { Volume } from '../objects/volume.ts';

/** What a look at the archived volumes has found. */
export interface ExpiryLook {
  /** Those that are seen to have expired for the first time. */
  readonly expired: readonly Volume[];
  /** Those to be removed now. */
  readonly due: readonly Volume[];
  /** When the next one expires or is due; Infinity for never. */
  readonly nextMs: number;
}

// Long enough for a clock to be set after a start, and for an operator to notice a jump.
const LONGEST_GRACE_MS = 60 * 60 * 1000;
const GRACE_SHARE = 10;

/**
 * Decides when archived volumes are removed. A clock may be wrong, mostly after a start or until it is set for the first
 * time, so that a volume is not removed the moment that its time is over: it must stay expired for a tenth of its time, or
 * an hour, of a clock that cannot be set.
 */
export class ArchiveExpiry {
  /** When each volume was first seen to have expired. */
  private readonly expiredSinceMs = new Map<string, number>();

  /**
   * @param retained all retained and archived volumes
   * @param monotonicMs the time of a clock that cannot be set
   */
  look(retained: readonly Volume[], now: Date, monotonicMs: number): ExpiryLook {
    const expired: Volume[] = [];
    const due: Volume[] = [];
    let nextMs = Infinity;
    const seen = new Set<string>();
    for (const volume of retained) {
      const expiry = expiryOf(volume);
      if (!expiry) continue;
      const leftMs = expiry.atMs - now.getTime();
      if (leftMs > 0) {
        nextMs = Math.min(nextMs, leftMs);
        continue;
      }
      seen.add(expiry.key);
      if (!this.expiredSinceMs.has(expiry.key)) expired.push(volume);
      const sinceMs = this.expiredSinceMs.get(expiry.key) ?? monotonicMs;
      this.expiredSinceMs.set(expiry.key, sinceMs);
      const waitMs = sinceMs + expiry.graceMs - monotonicMs;
      if (waitMs <= 0) due.push(volume);
      else nextMs = Math.min(nextMs, waitMs);
    }
    for (const key of this.expiredSinceMs.keys()) if (!seen.has(key)) this.expiredSinceMs.delete(key);
    return { expired, due, nextMs };
  }
}

/** Undefined for a volume that is kept for ever. */
function expiryOf({ id, deletion }: Volume): { key: string; atMs: number; graceMs: number } | undefined {
  if (deletion?.expiresAt === undefined) return undefined;
  const atMs = Date.parse(deletion.expiresAt);
  const graceMs = Math.min(LONGEST_GRACE_MS, (atMs - Date.parse(deletion.at)) / GRACE_SHARE);
  // A volume that was restored and deleted again has another time.
  return { key: `${deletion.expiresAt} ${id}`, atMs, graceMs };
}
