import { restoreLimits } from '../model/content/restore-limits.ts';
import { VolumeError } from '../model/errors.ts';
import type { Model } from '../model/state/model.ts';
import type { Logger } from '../observability/logger.ts';
import type { DiskPool } from './disk-pool.ts';

/** Corrects the limits of a pool's volumes in the background, and logs each correction. */
export function restorePoolLimits(model: Model, pool: DiskPool, logger: Logger): void {
  const restoring = restoreLimits(
    model,
    pool.name,
    (look) => pool.using(look),
    ({ id, capacityBytes }, fate) => {
      const volume = { pool: pool.name, volumeId: id, capacityBytes: String(capacityBytes) };
      if (fate.kind === 'restored') logger.warn(volume, 'limit restored from the record');
      // The pool has disappeared again, or the driver is stopping; the next start checks again.
      else if (fate.kind === 'failed' && !isUnavailable(fate.error))
        logger.error({ ...volume, err: fate.error }, 'cannot compare the limit with the record');
    },
  );
  restoring.catch((err: unknown) => logger.debug({ err, pool: pool.name }, 'limits are not compared'));
}

function isUnavailable(error: unknown): boolean {
  return error instanceof VolumeError && error.kind === 'unavailable';
}
