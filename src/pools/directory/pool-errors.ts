import { VolumeError } from '../../model/errors.ts';
import type { RememberedPool } from './pool-marker.ts';

/**
 * What only the operator can fix: a pool's path where there can be no pool. The message is a sentence for the operator.
 * It ends startup; later, when the pool is looked up again, callers receive it.
 */
export class PoolConfigError extends VolumeError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'PoolMistake';
  }
}

/** Another driver uses the pool, and did not release it within the timeout. */
export class PoolHeldError extends VolumeError {
  constructor(message: string) {
    super('unavailable', message);
    this.name = 'PoolHeldError';
  }
}

/** A pool that this driver has used is not at its path now, or cannot be opened there. */
export class UnreachablePoolError extends VolumeError {
  /** The id of the pool, which is part of its volumes' ids. */
  readonly poolId: string;
  /** Its last known path, with symbolic links resolved. */
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
