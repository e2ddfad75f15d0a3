import type { Host } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';

/** Whether the file system of a pool is mounted read-only, or became read-only after an error. */
export async function isReadOnlyPool({ paths, mounts }: Host, { path }: Pool): Promise<boolean> {
  const state = await paths.inspect(path);
  if (state.kind !== 'directory' && state.kind !== 'mounted') return false;
  if (state.flags.readOnly) return true;
  const mount = (await mounts.list()).find(({ mountId }) => mountId === state.mountId);
  return mount?.isFileSystemReadOnly ?? false;
}

/** Whether nothing can be created in a pool, however much space it has: it is read-only, or has no inode left. */
export async function isPoolUnwritable(host: Host, pool: Pool): Promise<boolean> {
  const { inodes } = await pool.usage();
  // File systems that allocate inodes dynamically report zero.
  if (inodes.total > 0n && inodes.available === 0n) return true;
  return isReadOnlyPool(host, pool);
}
