import type { SpaceReport } from './report.ts';

/** How much of a disk is used, from 0 to 1, as df shows it: blocks that only root can use count as neither used nor free. */
export function usedShare({ usedBytes, availableBytes }: SpaceReport): number {
  const whole = usedBytes + availableBytes;
  return whole > 0 ? usedBytes / whole : 0;
}
