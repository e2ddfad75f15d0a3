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

// Long enough for a clock to be set after a start, and for an operator to notice that it is wrong.
const LONGEST_GRACE_MS = 60 * 60 * 1000;
const GRACE_SHARE = 10;

/** What is known of an archived volume since it was first seen. */
interface Seen {
  /** When it may be removed, by the clock that cannot be set. */
  dueMs: number;
  isExpired: boolean;
}

/**
 * Decides when archived volumes are removed. A clock may be wrong after a start, and is set or jumps at any time, so that two
 * clocks must agree: that of the node, which shows that the time of the volume is over, and one that cannot be set, which
 * shows that all the time has passed that was left when the volume was first seen, and a grace after it. So while the driver
 * runs, a jump of the clock removes nothing early, and after a start there is time to set it.
 */
export class ArchiveExpiry {
  private readonly seen = new Map<string, Seen>();

  /**
   * @param retained all retained and archived volumes
   * @param monotonicMs the time of a clock that cannot be set
   */
  look(retained: readonly Volume[], now: Date, monotonicMs: number): ExpiryLook {
    const expired: Volume[] = [];
    const due: Volume[] = [];
    let nextMs = Infinity;
    const keys = new Set<string>();
    for (const volume of retained) {
      const expiry = expiryOf(volume);
      if (!expiry) continue;
      keys.add(expiry.key);
      const leftMs = Math.max(0, expiry.atMs - now.getTime());
      const seen = this.see(expiry.key, monotonicMs + leftMs + expiry.graceMs);
      // It is never before the time by either clock. Only a clock that goes back moves it.
      if (leftMs > 0) seen.dueMs = Math.max(seen.dueMs, monotonicMs + leftMs + expiry.graceMs);
      if (leftMs === 0 && !seen.isExpired) expired.push(volume);
      seen.isExpired = leftMs === 0;
      const waitMs = seen.dueMs - monotonicMs;
      if (waitMs <= 0) due.push(volume);
      else nextMs = Math.min(nextMs, leftMs > 0 ? leftMs : waitMs);
    }
    for (const key of this.seen.keys()) if (!keys.has(key)) this.seen.delete(key);
    return { expired, due, nextMs };
  }

  private see(key: string, dueMs: number): Seen {
    const known = this.seen.get(key);
    if (known) return known;
    const seen = { dueMs, isExpired: false };
    this.seen.set(key, seen);
    return seen;
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
