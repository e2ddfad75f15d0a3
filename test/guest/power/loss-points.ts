import type { LoggedWrite, WriteLog } from '../support/write-log.ts';

/** A state that a disk can be left in by a power loss. */
export interface LossPoint {
  /** How many entries of the log are on the disk. */
  readonly entryCount: number;
  /** Parts of the writes that follow them, up to the next flush, which happen to be on the disk as well. */
  readonly more: readonly LoggedWrite[];
}

// What a disk writes whole, at least.
const PIECE_BYTES = 4096;

/**
 * The states in which a disk has lost all that it can: after each flush and each forced write, with the marks that
 * follow, which are of what happened before the next write.
 */
export function strictPoints({ entries }: WriteLog): LossPoint[] {
  const points: LossPoint[] = [];
  let isChanged = true;
  for (const [index, entry] of entries.entries()) {
    const next = entries[index + 1];
    if (entry.kind === 'write') isChanged ||= entry.sizeBytes > 0;
    const isSettled = entry.kind === 'mark' || entry.isFlush || entry.isForced;
    if (!isSettled || next?.kind === 'mark') continue;
    // A flush of nothing leaves the disk as it was, unless something has been acknowledged since.
    if (isChanged || entry.kind === 'mark') points.push({ entryCount: index + 1, more: [] });
    isChanged = false;
  }
  return points;
}

/** The same states with random parts of the writes that the next flush would have made durable. */
export function looserPoints(log: WriteLog, strict: readonly LossPoint[], random: () => number): LossPoint[] {
  return strict.flatMap(({ entryCount }) => {
    const share = random();
    const more = unflushedAt(log, entryCount)
      .flatMap(pieces)
      .filter(() => random() < share);
    return more.length > 0 ? [{ entryCount, more }] : [];
  });
}

/** The writes from an entry to the next flush; none if one of them is forced, and so has its order. */
function unflushedAt({ entries }: WriteLog, entryCount: number): LoggedWrite[] {
  const writes: LoggedWrite[] = [];
  for (const entry of entries.slice(entryCount)) {
    if (entry.kind === 'mark') continue;
    if (entry.isForced && !entry.isFlush) return [];
    if (entry.isFlush) break;
    writes.push(entry);
  }
  return writes;
}

function pieces(write: LoggedWrite): LoggedWrite[] {
  const count = Math.ceil(write.sizeBytes / PIECE_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const start = index * PIECE_BYTES;
    return {
      ...write,
      logOffset: write.logOffset === undefined ? undefined : write.logOffset + start,
      diskOffset: write.diskOffset + start,
      sizeBytes: Math.min(PIECE_BYTES, write.sizeBytes - start),
    };
  });
}
