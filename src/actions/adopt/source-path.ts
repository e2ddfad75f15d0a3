import { quote, VolumeError } from '../../model/errors.ts';
import type { Pool } from '../../model/ports/pool.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';

/**
 * The one spelling of a path that a person names.
 * @throws VolumeError invalid: not absolute, with `.` or `..` in it, or the root
 */
export function sourcePath(text: string): string {
  if (!text.startsWith('/')) throw invalid(text, 'must be an absolute path');
  if (text.includes('\0')) throw invalid(text, 'must not contain a NUL character');
  const names = text.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..'))
    throw invalid(text, 'must not contain "." or ".."');
  if (names.length === 0) throw invalid(text, 'is the root of the node');
  return `/${names.join('/')}`;
}

/** @throws VolumeError invalid: it is in a pool or above one */
export function checkOutsidePools(path: string, pools: readonly Pick<Pool, 'name' | 'path'>[]): void {
  for (const pool of pools) {
    const which = `pool ${quote(pool.name)} at ${pool.path}`;
    if (isWithin(path, pool.path)) throw invalid(path, `is in ${which}`);
    if (isWithin(pool.path, path)) throw invalid(path, `contains ${which}`);
  }
}

function invalid(path: string, why: string): VolumeError {
  return new VolumeError('invalid', `${quote(path)} ${why}`);
}
