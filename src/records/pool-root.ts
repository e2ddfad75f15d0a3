import { mkdir, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errno, isErrno } from '../kernel/errno.ts';
import { retried } from '../kernel/passing-error.ts';
import { defaultPoolName } from '../volume/pool.ts';
import { syncPath } from './durable-file.ts';
import { PoolMistake } from './pool-errors.ts';
import { driverOnlyMode } from './pool-layout.ts';
import type { PoolPlace, PoolRegistry } from './pool-registry.ts';
import { unreachable } from './recognise-pool.ts';

/** The real path of the pool's directory, which is made where the pool is new. */
export async function findRoot({ name, path }: PoolPlace, registry: PoolRegistry): Promise<string> {
  try {
    return await retried(() => realpath(path));
  } catch (error) {
    if (isErrno(error, errno.ENOTDIR, errno.ELOOP)) throw cannotBe(path, error);
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
  const before = await registry.findAt({ name, path });
  if (before) throw unreachable(name, `${path} is not there`, before, registry);
  if (name === defaultPoolName) await registry.stateGuard.check(path, undefined);
  await makeRoot(path);
  return realpath(path);
}

async function makeRoot(path: string): Promise<void> {
  let first: string | undefined;
  try {
    first = await mkdir(path, { recursive: true, mode: driverOnlyMode });
  } catch (error) {
    // A symbolic link to nothing.
    throw isErrno(error, errno.EEXIST, errno.ENOENT) ? cannotBe(path, error) : error;
  }
  if (first === undefined) return;
  let directory = path;
  do {
    directory = dirname(directory);
    await syncPath(directory);
  } while (directory.length > dirname(first).length);
}

function cannotBe(path: string, cause: unknown): PoolMistake {
  return new PoolMistake(`${path} is not a directory, and none can be made there`, { cause });
}
