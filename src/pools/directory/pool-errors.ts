import { VolumeError } from '../../model/errors.ts';
import type { RememberedPool } from './pool-marker.ts';

/**
 * What only the operator can mend: a pool's path where no pool can be. The message is a sentence for them. It ends the
 * start; later, when a pool is looked for again, callers get it.
 */
export class PoolMistake extends VolumeError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'PoolMistake';
  }
}

/** Another driver uses the pool, and went on with it for as long as it was waited for. */
export class PoolHeldError extends VolumeError {
  constructor(message: string) {
    super('unavailable', message);
    this.name = 'PoolHeldError';
  }
}

/** A pool that this driver has used is not at its path now, or cannot be opened there. */
export class UnreachablePoolError extends VolumeError {
  /** The id of the pool, which its volumes have in their ids. */
  readonly poolId: string;
  /** Where it was, symbolic links followed. */
  readonly path: string;

  constructor(
    message: string,
    { poolId, path }: Pick<RememberedPool, 'poolId' | 'path'>,
    options?: ErrorOptions,
  ) {
    super('unavailable', message, options);
    this.name = 'UnreachablePoolError';
    this.poolId = poolId;
    this.path = path;
  }
}
