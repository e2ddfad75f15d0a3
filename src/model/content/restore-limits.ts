import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

// Each check takes a few system calls; the calls of the driver that run at the same time come first.
const LOOKS_AT_ONCE = 2;

/** The result for a volume's limits: correct, corrected, or unknown. */
export type LimitsFate =
  | { readonly kind: 'in force' | 'restored' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Compares the limits of a volume with its record and corrects them: a power loss, quotas that were off for a time,
 * or other programs may have changed them. Limits that cannot be corrected are no error: `faultsOf` reports them.
 */
export async function restoreVolumeLimits(model: Model, volumeId: string): Promise<LimitsFate> {
  try {
    const isRestored = await model.sharing.inTurn(volumeId, async () => {
      const volume = model.volumes.findIntact(volumeId);
      if (!volume) return false;
      const { records, backends } = model.pools.of(volume);
      return backends[volume.content.backend].restoreLimits(records.volumes.directoryOf(volumeId), volume);
    });
    return { kind: isRestored ? 'restored' : 'in force' };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/**
 * The same for all volumes of a pool, two at a time while the pool is in use.
 * @param using runs the check of one volume while the pool stays as it is
 * @param onFate called for each volume whose limits were not correct
 * @throws the error of `using`: the pool is gone
 */
export async function restoreLimits(
  model: Model,
  poolName: string,
  using: (look: () => Promise<LimitsFate>) => Promise<LimitsFate>,
  onFate: (volume: Volume, fate: LimitsFate) => void,
): Promise<void> {
  const waiting = model.volumes.all().filter(({ pool }) => pool === poolName);
  const work = async () => {
    for (let volume = waiting.pop(); volume; volume = waiting.pop()) {
      const { id } = volume;
      const fate = await using(() => restoreVolumeLimits(model, id));
      if (fate.kind !== 'in force') onFate(volume, fate);
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, work));
}
