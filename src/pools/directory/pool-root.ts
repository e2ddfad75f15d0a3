import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { retry } from '../../kernel/calls/transient-error.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { syncPath } from '../../records/durable-file.ts';
import { driverOnlyMode } from '../../records/pool-layout.ts';
import { PoolConfigError } from './pool-errors.ts';
import type { PoolConfig, PoolRegistry } from './pool-registry.ts';
import { unreachableError } from './recognise-pool.ts';

const WRITABLE_BY_OTHERS = 0o0002;
/** Sticky bit: users may add entries, but not rename or remove the entries of others. */
const STICKY = 0o1000;

/** The real path of the pool's directory, which is created if the pool is new. */
export async function findRoot({ name, path }: PoolConfig, registry: PoolRegistry): Promise<string> {
  try {
    const root = await retry(() => realpath(path));
    await checkOwner({ name, path: root }, registry);
    return root;
  } catch (error) {
    if (isErrno(error, errno.ENOTDIR, errno.ELOOP)) throw notADirectoryError(path, error);
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
  const before = await registry.findAt({ name, path });
  if (before) throw unreachableError(name, `${path} does not exist`, before, registry);
  if (name === defaultPoolName) await registry.stateGuard.check(path, undefined);
  await makeRoot(path);
  return realpath(path);
}

/** The owner of the directory, and anyone who can write to it, can replace volumes and records. */
async function checkOwner({ name, path }: PoolConfig, registry: PoolRegistry): Promise<void> {
  const { uid, mode } = await retry(() => stat(path));
  const own = process.geteuid?.() ?? 0;
  const problem =
    uid !== own && uid !== 0
      ? `is owned by user ${uid}, but the driver runs as user ${own}; run: chown ${own} ${path}`
      : (mode & (WRITABLE_BY_OTHERS | STICKY)) === WRITABLE_BY_OTHERS
        ? `is world-writable; run: chmod o-w ${path}`
        : undefined;
  if (problem === undefined) return;
  const before = await registry.findAt({ name, path });
  if (before)
    throw unreachableError(
      name,
      `${path} ${problem}`,
      before,
      registry,
      "only root and the driver's user may own or write to it",
    );
  throw new PoolConfigError(`${path} ${problem}`);
}

async function makeRoot(path: string): Promise<void> {
  let first: string | undefined;
  try {
    first = await mkdir(path, { recursive: true, mode: driverOnlyMode });
  } catch (error) {
    // A dangling symbolic link.
    throw isErrno(error, errno.EEXIST, errno.ENOENT) ? notADirectoryError(path, error) : error;
  }
  if (first === undefined) return;
  let directory = path;
  do {
    directory = dirname(directory);
    await syncPath(directory);
  } while (directory.length > dirname(first).length);
}

function notADirectoryError(path: string, cause: unknown): PoolConfigError {
  return new PoolConfigError(`${path} is not a directory, and the driver cannot create one there`, { cause });
}
