import { setTimeout } from 'node:timers/promises';

const LONGEST_WAIT_MS = 256;

/**
 * Asks until the answer is yes, for half a second: for what the kernel, or a program that looks at every new
 * device, finishes by itself in a moment and announces to nobody.
 */
export async function eventually(isSo: () => Promise<boolean>): Promise<boolean> {
  for (let waitMs = 1; ; waitMs *= 2) {
    if (await isSo()) return true;
    if (waitMs > LONGEST_WAIT_MS) return false;
    await setTimeout(waitMs);
  }
}
