import { namingPool } from '../ports/naming-pool.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';
import { placeOf } from './place.ts';
import { discountVolume } from './reservations.ts';

/**
 * Releases the reservations of retained volumes whose directory their owner has removed. The driver is not notified
 * of that, so it checks when room is short, or is asked for.
 */
export async function forgetRemoved(model: Model, pool: Pool): Promise<void> {
  for (const volume of model.retained.all()) {
    if (volume.pool !== pool.name) continue;
    const path = pool.records.retained.directoryOf(volume.id);
    const { kind } = await namingPool(volume, () => model.mounts.inspect(path));
    if (kind === 'absent' && model.retained.remove(volume)) discountVolume(placeOf(model, volume), volume);
  }
}
