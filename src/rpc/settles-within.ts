import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits at most `timeoutMs` for work to succeed or fail.
 * @returns whether it has ended; if not, it continues
 */
export async function settlesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const timeout = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const ended = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([ended, timeout]);
  } finally {
    timer.abort();
  }
}
