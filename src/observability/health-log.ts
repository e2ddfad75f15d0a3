import type { Finding, HealthStatus, OnFinding } from '../model/objects/finding.ts';
import type { CopyProgress } from '../model/state/copies.ts';
import type { Logger } from './logger.ts';

// Health monitors ask every few minutes, in several ways that do not all see the same findings.
const FORGOTTEN_AFTER_MS = 60 * 60 * 1000;
const MAX_REMEMBERED = 50_000;

const levels = { DATA_LOSS: 'error', INACCESSIBLE: 'warn', DEGRADED: 'info' } as const satisfies Record<
  HealthStatus,
  string
>;

/**
 * Logs health findings in full, since replies have room only for the beginning. Each is logged once, and again if it
 * was not seen for an hour.
 * @param nowMs a monotonic clock
 */
export function findingLogger(logger: Logger, nowMs = () => performance.now()): OnFinding {
  /** When each finding was last seen; the least recently seen comes first. */
  const seenAtMs = new Map<string, number>();
  return (subject, found) => {
    const key = JSON.stringify([subject, found.where?.path, found.reason, withoutNumbers(found.message)]);
    const before = seenAtMs.get(key);
    seenAtMs.delete(key);
    seenAtMs.set(key, nowMs());
    const [oldest] = seenAtMs.keys();
    if (seenAtMs.size > MAX_REMEMBERED && oldest !== undefined) seenAtMs.delete(oldest);
    if (before === undefined || nowMs() - before > FORGOTTEN_AFTER_MS)
      logger[levels[found.status]](line(subject, found), 'unhealthy');
  };
}

/** Returns a message without its numbers, so that it is the same if only sizes and counts change. */
function withoutNumbers(message: string): string {
  return message.replace(/\d+/g, '0');
}

function line(subject: object, { status, reason, message }: Finding): object {
  return { ...subject, status, reason, finding: message };
}

/** Logs the progress of long copies. */
export function copyLogger(logger: Logger): (progress: CopyProgress) => void {
  return ({ id, from, state, copiedBytes, durationMs, ...more }) => {
    const fields = {
      id,
      from,
      copiedBytes: copiedBytes.toString(),
      durationMs: Math.round(durationMs),
      ...more,
    };
    if (state === 'failed') logger.warn(fields, 'copy failed');
    else logger.info(fields, `copy ${state}`);
  };
}
