import { posix } from 'node:path';
import { mountsOfNamespaces, type NamespaceMounts } from '../../kernel/mounts/namespaces.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';
import type { Location } from '../../model/state/locations.ts';

/**
 * Who uses a directory or file by a mount, as far as this process sees: mounts of it or of something in it, and mounts on something
 * in it, in every mount namespace of a process that is visible here.
 * @returns a sentence for each, worded to follow a colon
 */
export async function mountsUsing(location: Location): Promise<string[]> {
  return (await mountsOfNamespaces()).flatMap((namespace) => usesIn(namespace, location));
}

/** The same for the mounts of one namespace. */
export function usesIn({ isOwn, process, mounts }: NamespaceMounts, location: Location): string[] {
  const where = isOwn ? '' : ` in the mount namespace of process ${process}`;
  return mounts.flatMap((mount) => {
    if (mount.fileSystem === location.fileSystem && isWithin(mount.root, location.path))
      return [`it is mounted at ${mount.path}${where}`];
    const point = mountPointOf(mount, mounts);
    if (point && point.fileSystem === location.fileSystem && isWithin(point.path, location.path))
      return [`it has a mount on it or in it, at ${mount.path}${where}`];
    return [];
  });
}

/** Where the directory lies that a mount covers; undefined for the root of the namespace. */
function mountPointOf(
  { path, mountId }: NamespaceMounts['mounts'][number],
  mounts: NamespaceMounts['mounts'],
): Location | undefined {
  let parent: NamespaceMounts['mounts'][number] | undefined;
  for (const each of mounts) {
    if (each.mountId === mountId || each.path === path || !isWithin(path, each.path)) continue;
    if (!parent || each.path.length >= parent.path.length) parent = each;
  }
  return (
    parent && {
      fileSystem: parent.fileSystem,
      path: posix.join(parent.root, path.slice(parent.path === '/' ? 0 : parent.path.length)),
    }
  );
}
