import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits at most `timeoutMs` for work.
 * @returns whether it ended in time; if not, it continues
 */
export async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const timeout = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const isDone = await Promise.race([work.then(() => true), timeout]);
  timer.abort();
  return isDone;
}
