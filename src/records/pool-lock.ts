import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { tryLock } from '../kernel/flock.ts';

const RETRY_INTERVAL_MS = 100;

/** A lock that is held until it is released or the process ends. */
export interface PoolLock {
  /** May be repeated. */
  release(): Promise<void>;
}

/**
 * Takes a pool for this process alone. In a rolling update the driver before may still be draining, so a held
 * lock is waited for.
 * @param path the lock file; made when missing, never replaced, or two processes could lock two files
 * @throws Error when another process still holds it after `timeoutMs`
 */
export async function lockPool(path: string, timeoutMs: number): Promise<PoolLock> {
  const file = await open(path, 'a', 0o600);
  try {
    await waitForLock(file, path, timeoutMs);
  } catch (error) {
    await file.close();
    throw error;
  }
  // Closing what is closed does nothing.
  return { release: () => file.close() };
}

async function waitForLock(file: FileHandle, path: string, timeoutMs: number): Promise<void> {
  for (let waitedMs = 0; !tryLock(file.fd); waitedMs += RETRY_INTERVAL_MS) {
    if (waitedMs >= timeoutMs)
      throw new Error(`another driver holds ${path}; waited ${timeoutMs} ms for it to stop`);
    await delay(RETRY_INTERVAL_MS);
  }
}
