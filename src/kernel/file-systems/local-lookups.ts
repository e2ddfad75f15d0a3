import { closeSync, constants } from 'node:fs';
import { FS_XFLAG_PROJINHERIT, fsxattr, readAttributes } from '../attributes/file-attributes.ts';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { addLocalRoot, LocalRoot } from '../calls/local-roots.ts';
import { below, openHandle } from '../calls/path-handle.ts';
import { fileSystemOf, isLocal } from '../calls/statfs.ts';

export { removeLocalRoot as stopLookupsAt } from '../calls/local-roots.ts';

/**
 * Makes lookups in an existing directory start there, without other threads as long as they stay in its mount.
 * @returns undefined if they cannot: its file system has a server, or it has a project quota, which `fstatfs` may have to read
 */
export async function startLookupsAt(path: string): Promise<LocalRoot | undefined> {
  const fd = await openHandle(path);
  let root: LocalRoot | undefined;
  try {
    if (isLocal(await fileSystemOf(fd)) && !(await inheritsProject(fd))) root = new LocalRoot(path, fd);
  } finally {
    if (root) addLocalRoot(root);
    else closeSync(fd);
  }
  return root;
}

function inheritsProject(fd: number): Promise<boolean> {
  return withDescriptor(below(fd), constants.O_RDONLY | constants.O_DIRECTORY, (readableFd) => {
    try {
      return (readAttributes(readableFd).readUInt32LE(fsxattr.flags) & FS_XFLAG_PROJINHERIT) !== 0;
    } catch (error) {
      // The file system has no projects.
      if (isErrno(error, errno.ENOTTY, errno.EOPNOTSUPP)) return false;
      throw error;
    }
  });
}
