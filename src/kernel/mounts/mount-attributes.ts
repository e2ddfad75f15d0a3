import { uniqueMountIdOf } from '../calls/statx.ts';
import { mountAttr } from './bind-mount.ts';
import { mountFlagsOf } from './statmount.ts';

const SB_RDONLY = 1;

/**
 * The attributes in force in the mount of an open file, as bits of `mountAttr`, read on this thread: unlike `fstatfs`, the kernel
 * asks no file system for them.
 * @returns undefined before Linux 6.8
 */
export function mountAttributesOf(fd: number): number | undefined {
  const mountId = uniqueMountIdOf(fd);
  if (mountId === undefined) return undefined;
  // Of an unmounted file, or refused by a sandbox.
  const flags = mountFlagsOf(mountId);
  if (flags === undefined) return undefined;
  const isReadOnly = (flags.superblockFlags & SB_RDONLY) !== 0;
  return flags.attributes | (isReadOnly ? mountAttr.readOnly : 0);
}
