import { realpath } from 'node:fs/promises';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../kernel/calls/statfs.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { poolLayout } from '../../records/pool-layout.ts';
import { fileSystemIdentity } from './file-system-identity.ts';
import { DamagedFileError, type RememberedPool, readMarker } from './pool-marker.ts';
import type { PoolConfig, PoolRegistry } from './pool-registry.ts';

/** A remembered pool, and the file system on which it was found instead. */
export interface MovedPool {
  readonly before: RememberedPool;
  /** From `fileSystemIdentity`. */
  readonly fileSystem: string;
}

/**
 * The pool at a path, if it is on another file system than is remembered: it was copied, or its file system has a new UUID.
 * Undefined if it is on the same one.
 * @throws VolumeError not-found: no such pool is remembered; precondition: another pool, or none, is at the path
 */
export async function findMoved(config: PoolConfig, registry: PoolRegistry): Promise<MovedPool | undefined> {
  const before = await registry.find(config.name);
  if (!before) {
    const message = `pool ${quote(config.name)} was never used with ${registry.path}`;
    throw new VolumeError('not-found', message);
  }
  const root = await realpath(config.path).catch(() => config.path);
  const { marker: path } = poolLayout(root);
  const marker = await readMarker(path).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw error instanceof DamagedFileError ? new VolumeError('precondition', why) : error;
  });
  if (marker?.poolId !== before.poolId) {
    const found = marker ? `the marker of another pool (${marker.poolId})` : `no marker ${path}`;
    const message = `${root} has ${found}, not that of pool ${quote(config.name)} (${before.poolId})`;
    throw new VolumeError('precondition', message);
  }
  const fileSystem = fileSystemIdentity(await withPath(root, fileSystemOf));
  return fileSystem === before.fileSystem ? undefined : { before, fileSystem };
}

/** Remembers a pool on the file system where it is now. Only the operator knows that it is not an old copy. */
export async function acceptMoved(registry: PoolRegistry, { before, fileSystem }: MovedPool): Promise<void> {
  await registry.remember({ ...before, fileSystem });
}

/** What a user does to have the pool used where it is now. @param registryPath in the state directory */
export function acceptCommand(name: string, registryPath: string): string {
  const stateDir = registryPath.split('/').slice(0, -2).join('/');
  return `csi-hostpath check --repair --accept-disk=${name} --statedir=${stateDir}`;
}
