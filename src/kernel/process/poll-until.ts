import { setTimeout } from 'node:timers/promises';

const MAX_WAIT_MS = 256;

/**
 * Polls a condition for half a second: for changes that the kernel, or a program that inspects new devices, completes
 * shortly without notification.
 */
export async function pollUntil(condition: () => Promise<boolean>): Promise<boolean> {
  for (let waitMs = 1; ; waitMs *= 2) {
    if (await condition()) return true;
    if (waitMs > MAX_WAIT_MS) return false;
    await setTimeout(waitMs);
  }
}
