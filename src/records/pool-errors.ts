import { VolumeError } from '../volume/errors.ts';
import type { RememberedPool } from './pool-marker.ts';

/** What only the operator can mend: a pool's path where no pool can be. The message is a sentence for them. */
export class PoolMistake extends Error {
  override readonly name = 'PoolMistake';
}

/** A pool that this driver has used is not at its path now, most likely because its disk is not mounted. */
export class UnreachablePoolError extends VolumeError {
  /** The id of the pool, which its volumes have in their ids. */
  readonly poolId: string;
  /** Where it was, symbolic links followed. */
  readonly path: string;

  constructor(message: string, { poolId, path }: RememberedPool, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'UnreachablePoolError';
    this.poolId = poolId;
    this.path = path;
  }
}
