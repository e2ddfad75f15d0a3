import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../kernel/calls/errno.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import type { PoolLayout } from '../../records/pool-layout.ts';
import { PoolHeldError, PoolMistake, UnreachablePoolError } from './pool-errors.ts';
import { DamagedFileError, type PoolMarker, type RememberedPool, readMarker } from './pool-marker.ts';
import { obstacleOf } from './pool-obstacle.ts';
import type { PoolPlace, PoolRegistry } from './pool-registry.ts';

/** What is known about the pool in a directory. */
export interface Recognised {
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
): Promise<Recognised> {
  const marker = await readMarker(layout.marker);
  const before = await (marker ? registry.find(name) : registry.findAt({ name, path: layout.root }));
  if (before && !(marker?.poolId === before.poolId && fileSystem === before.fileSystem)) {
    throw notTheSame(name, layout.root, { marker, fileSystem }, before, registry);
  }
  if (name === defaultPoolName) await registry.stateGuard.check(layout.root, marker);
  if (!marker) await checkFree(layout);
  return { marker, isRemembered: before !== undefined };
}

/**
 * A directory that is neither empty nor a pool contains someone's files; nothing is created among them. A directory
 * with only metadata is a pool whose creation was interrupted, since the marker is durable before anything else is
 * created.
 */
async function checkFree({ root, metadata }: PoolLayout): Promise<void> {
  const entries = await readdir(root);
  const others = entries.filter((entry) => entry !== 'lost+found' && join(root, entry) !== metadata);
  if (others.length === 0) return;
  const shown = `${others.slice(0, 3).map(quote).join(', ')}${others.length > 3 ? ', …' : ''}`;
  throw new PoolMistake(`${root} is neither empty nor a pool of this driver: it holds ${shown}`);
}

function notTheSame(
  name: string,
  root: string,
  { marker, fileSystem }: { marker: PoolMarker | undefined; fileSystem: string },
  before: RememberedPool,
  registry: PoolRegistry,
): UnreachablePoolError {
  const question = `is its disk mounted?`;
  if (marker?.poolId === before.poolId) {
    const { poolId, fileSystem: old } = before;
    // Edits one entry of the file, in the format in which the driver writes it.
    const command = `sed -i '/"${poolId}"/,/"fileSystem"/s/${old}/${fileSystem}/' ${registry.path}`;
    return unreachable(
      name,
      `${root} has the marker of it on file system ${fileSystem}`,
      before,
      registry,
      `${question} If this is a copy of the pool, or its file system has another UUID now, and it is to be used from now on, stop the driver and run: ${command}`,
    );
  }
  const what = marker ? `the marker of another pool (${marker.poolId})` : 'no marker';
  return unreachable(
    name,
    `${root} has ${what} on file system ${fileSystem}`,
    before,
    registry,
    `${question} If pool ${before.poolId} is not to come back, stop the driver and remove its entry from ${registry.path}`,
  );
}

/** @param cure what the operator can do, if mounting a disk is not enough */
export function unreachable(
  name: string,
  what: string,
  before: RememberedPool,
  registry: PoolRegistry,
  cure = 'is its disk mounted?',
): UnreachablePoolError {
  return new UnreachablePoolError(
    `pool ${quote(name)} is not reachable: ${what}, where ${registry.path} remembers pool ${before.poolId} on ${before.fileSystem}: ${cure}`,
    before,
  );
}

/**
 * Converts the error that prevented a pool from being opened into the one that operator and callers receive. A
 * remembered pool is unreachable until it can be opened; other pools are served. For a pool that was never used,
 * PoolMistake and PoolHeldError stay as they are: the operator must act.
 */
export async function openingError(
  error: unknown,
  place: PoolPlace,
  registry: PoolRegistry,
): Promise<unknown> {
  if (error instanceof UnreachablePoolError) return error;
  const isOurs = error instanceof VolumeError || error instanceof DamagedFileError;
  if (!isOurs && errnoOf(error) === undefined) return error;
  const message = isOurs ? error.message : obstacleOf(error, place);
  // The registry was read when the state directory was opened; before that, no pool can be remembered.
  const before = await registry.findAt(place).catch(() => undefined);
  if (before) return new UnreachablePoolError(named(message, place), before, { cause: error });
  if (error instanceof PoolMistake || error instanceof PoolHeldError) return error;
  return new VolumeError('unavailable', named(message, place), { cause: error });
}

function named(message = '', { name, path }: PoolPlace): string {
  return message.startsWith('pool ') ? message : `pool ${quote(name)} at ${path}: ${message}`;
}

/** The same for a pool that was opened, but whose content cannot be read. */
export function contentError(error: unknown, { name, id: poolId, layout }: OpenedPool): unknown {
  const place = { name, path: layout.root };
  const message = error instanceof VolumeError ? error.message : obstacleOf(error, place);
  if (message === undefined) return error;
  return new UnreachablePoolError(named(message, place), { poolId, path: layout.root }, { cause: error });
}

interface OpenedPool {
  readonly name: string;
  readonly id: string;
  readonly layout: Pick<PoolLayout, 'root'>;
}
