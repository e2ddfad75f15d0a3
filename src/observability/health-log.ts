import type { Finding, HealthStatus, OnFinding } from '../model/objects/finding.ts';
import type { Logger } from './logger.ts';

// Whoever watches health looks every few minutes, from several sides that do not see all the same.
const FORGOTTEN_AFTER_MS = 60 * 60 * 1000;
const MOST_REMEMBERED = 50_000;

const levels = { DATA_LOSS: 'error', INACCESSIBLE: 'warn', DEGRADED: 'info' } as const satisfies Record<
  HealthStatus,
  string
>;

/**
 * Logs what looks at health find, in full, since replies have room for the beginning only. Each is logged once, and again
 * when it was not seen for an hour.
 * @param nowMs a clock that never goes back
 */
export function findingLogger(logger: Logger, nowMs = () => performance.now()): OnFinding {
  /** When each was seen last, the one that was not seen for longest first. */
  const seenAtMs = new Map<string, number>();
  return (subject, found) => {
    const key = JSON.stringify([subject, found.where?.path, found.reason, withoutFigures(found.message)]);
    const before = seenAtMs.get(key);
    seenAtMs.delete(key);
    seenAtMs.set(key, nowMs());
    const [oldest] = seenAtMs.keys();
    if (seenAtMs.size > MOST_REMEMBERED && oldest !== undefined) seenAtMs.delete(oldest);
    if (before === undefined || nowMs() - before > FORGOTTEN_AFTER_MS)
      logger[levels[found.status]](line(subject, found), 'unhealthy');
  };
}

/** A sentence that is the same as long as nothing but sizes and counts has changed in it. */
function withoutFigures(message: string): string {
  return message.replace(/\d+/g, '0');
}

function line(subject: object, { status, reason, message }: Finding): object {
  return { ...subject, status, reason, finding: message };
}
