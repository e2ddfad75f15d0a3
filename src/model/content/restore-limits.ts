import { hasLimit, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { RestoreOptions } from '../ports/ports.ts';

// Each check takes a few system calls; the calls of the driver that run at the same time come first.
const MAX_CONCURRENT_CHECKS = 2;

/** The result for a volume's limits: correct, corrected, or unknown. */
export type LimitCheckResult =
  | { readonly kind: 'in force' | 'restored' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Compares the limits of a volume with its record and corrects them: a power loss, quotas that were off for a time,
 * or other programs may have changed them. Limits that cannot be corrected are no error: `faultsOf` reports them.
 */
export async function restoreVolumeLimits(
  parts: Parts<'catalogue' | 'holds'>,
  volumeId: string,
  how?: RestoreOptions,
): Promise<LimitCheckResult> {
  try {
    const isRestored = await parts.holds.recording.inTurn(volumeId, async () => {
      const volume = parts.catalogue.volumes.findIntact(volumeId);
      if (!volume) return false;
      return parts.catalogue.dataOf(volume).restoreLimits(how);
    });
    return { kind: isRestored ? 'restored' : 'in force' };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/**
 * The same for all volumes of a pool that have limits, two at a time while the pool is in use.
 * @param runInPool runs the check of one volume while the pool stays as it is
 * @param onResult called for each volume whose limits were not correct
 * @throws the error of `using`: the pool is gone
 */
export async function restoreLimits(
  parts: Parts<'catalogue' | 'holds'>,
  poolName: string,
  runInPool: (check: () => Promise<LimitCheckResult>) => Promise<LimitCheckResult>,
  onResult: (volume: Volume, result: LimitCheckResult) => void,
): Promise<void> {
  const waiting = parts.catalogue.volumes
    .all()
    .filter(({ pool, content }) => pool === poolName && hasLimit(content));
  const work = async () => {
    for (let volume = waiting.pop(); volume; volume = waiting.pop()) {
      const { id } = volume;
      const result = await runInPool(() => restoreVolumeLimits(parts, id));
      if (result.kind !== 'in force') onResult(volume, result);
    }
  };
  await Promise.all(Array.from({ length: MAX_CONCURRENT_CHECKS }, work));
}
