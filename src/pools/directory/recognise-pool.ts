import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../kernel/calls/errno.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { type PoolLayout, poolLayout } from '../../records/pool-layout.ts';
import { acceptCommand } from './accept-disk.ts';
import { openFailureMessage } from './open-failure.ts';
import { PoolConfigError, PoolHeldError, UnreachablePoolError } from './pool-errors.ts';
import { DamagedFileError, type PoolMarker, type RememberedPool, readMarker } from './pool-marker.ts';
import type { PoolConfig, PoolRegistry } from './pool-registry.ts';

/** What is known about the pool in a directory. */
export interface RecognisedPool {
  /** undefined if a pool may be created. */
  readonly marker: PoolMarker | undefined;
  /** Whether this driver has used it before. */
  readonly isRemembered: boolean;
}

/**
 * Determines which pool is in a directory.
 * @throws UnreachablePoolError, PoolMistake
 */
export async function recognise(
  name: string,
  layout: PoolLayout,
  fileSystem: string,
  registry: PoolRegistry,
): Promise<RecognisedPool> {
  const marker = await readMarker(layout.marker);
  const before = await (marker ? registry.find(name) : registry.findAt({ name, path: layout.root }));
  if (before && !(marker?.poolId === before.poolId && fileSystem === before.fileSystem)) {
    throw mismatchError(name, layout.root, { marker, fileSystem }, before, registry);
  }
  if (name === defaultPoolName) await registry.stateGuard.check(layout.root, marker);
  if (!marker) await checkEmpty(layout);
  return { marker, isRemembered: before !== undefined };
}

/**
 * A directory that is neither empty nor a pool contains someone's files; nothing is created among them. A directory
 * with only metadata is a pool whose creation was interrupted, since the marker is durable before anything else is
 * created.
 */
async function checkEmpty({ root, metadata }: PoolLayout): Promise<void> {
  const entries = await readdir(root);
  const others = entries.filter((entry) => entry !== 'lost+found' && join(root, entry) !== metadata);
  if (others.length === 0) return;
  const shown = `${others.slice(0, 3).map(quote).join(', ')}${others.length > 3 ? ', …' : ''}`;
  throw new PoolConfigError(`${root} is neither empty nor a pool of this driver: it contains ${shown}`);
}

function mismatchError(
  name: string,
  root: string,
  { marker, fileSystem }: { marker: PoolMarker | undefined; fileSystem: string },
  before: RememberedPool,
  registry: PoolRegistry,
): UnreachablePoolError {
  const question = `is its disk mounted?`;
  if (marker?.poolId === before.poolId) {
    return unreachableError(
      name,
      `${root} on file system ${fileSystem} has the marker of this pool`,
      before,
      registry,
      `${question} To use this file system from now on (a copy of the pool, or a changed UUID), run: ${acceptCommand(name, registry.path)}`,
    );
  }
  const what = marker
    ? `the marker of another pool (${marker.poolId})`
    : `no marker ${poolLayout(root).marker}`;
  return unreachableError(
    name,
    `${root} on file system ${fileSystem} has ${what}`,
    before,
    registry,
    `${question} If pool ${before.poolId} will not return, stop the driver and remove its entry from ${registry.path}`,
  );
}

/** @param remedy what the operator can do, if mounting a disk is not enough */
export function unreachableError(
  name: string,
  what: string,
  before: RememberedPool,
  registry: PoolRegistry,
  remedy = 'is its disk mounted?',
): UnreachablePoolError {
  return new UnreachablePoolError(
    `pool ${quote(name)} is not reachable: ${what} (${registry.path} expects pool ${before.poolId} on ${before.fileSystem}); ${remedy}`,
    before,
  );
}

/**
 * Converts the error that prevented a pool from being opened into the one that operator and callers receive. A
 * remembered pool is unreachable until it can be opened; other pools are served. For a pool that was never used,
 * PoolMistake and PoolHeldError stay as they are: the operator must act.
 */
export async function openError(
  error: unknown,
  config: PoolConfig,
  registry: PoolRegistry,
): Promise<unknown> {
  if (error instanceof UnreachablePoolError) return error;
  const isDriverError = error instanceof VolumeError || error instanceof DamagedFileError;
  if (!isDriverError && errnoOf(error) === undefined) return error;
  const message = isDriverError ? error.message : openFailureMessage(error, config);
  // The registry was read when the state directory was opened; before that, no pool can be remembered.
  const before = await registry.findAt(config).catch(() => undefined);
  if (before) return new UnreachablePoolError(named(message, config), before, { cause: error });
  if (error instanceof PoolConfigError || error instanceof PoolHeldError) return error;
  return new VolumeError('unavailable', named(message, config), { cause: error });
}

function named(message = '', { name, path }: PoolConfig): string {
  return message.startsWith('pool ') ? message : `pool ${quote(name)} at ${path}: ${message}`;
}

/** The same for a pool that was opened, but whose content cannot be read. */
export function contentError(error: unknown, { name, id: poolId, layout }: OpenedPool): unknown {
  const config = { name, path: layout.root };
  const message = error instanceof VolumeError ? error.message : openFailureMessage(error, config);
  if (message === undefined) return error;
  return new UnreachablePoolError(named(message, config), { poolId, path: layout.root }, { cause: error });
}

interface OpenedPool {
  readonly name: string;
  readonly id: string;
  readonly layout: Pick<PoolLayout, 'root'>;
}
