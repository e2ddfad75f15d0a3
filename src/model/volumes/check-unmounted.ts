import { posix } from 'node:path';
import { quote, VolumeError } from '../errors.ts';
import type { Host } from '../parts.ts';
import type { MountPlace } from '../ports/mounts-port.ts';
import { isWithin } from '../requests/mount-paths.ts';

/**
 * Refuses to go on while a directory of a pool, or anything in it, is mounted elsewhere, or has a mount point in it:
 * a subPath left behind by the kubelet, a backup's bind mount, another disk. Asks the kernel, since any process may
 * have made such a mount at any time.
 * @param subject the contents of the directory, for the message
 * @throws VolumeError precondition, naming the paths
 */
export async function checkUnmounted(host: Host, subject: string, directory: string): Promise<void> {
  const mounts = await mountsOf(host, directory);
  if (mounts.length === 0) return;
  const paths = mounts.map(({ path }) => quote(path)).join(', ');
  throw new VolumeError('precondition', `${subject} is still in use: unmount ${paths} first`);
}

async function mountsOf(host: Host, directory: string): Promise<MountPlace[]> {
  const parent = posix.dirname(directory);
  const state = await host.paths.inspect(parent);
  // An earlier attempt got as far as the rename, and the directory is gone.
  if (state.kind === 'absent') return [];
  const location =
    'mountId' in state && state.mountId !== undefined
      ? await host.locations.inMount(state.mountId, directory)
      : undefined;
  if (!location) {
    throw new VolumeError('unavailable', `cannot find the mount that contains ${parent}; retry later`);
  }
  const list = await host.mounts.listNaming(posix.basename(directory));
  return list.filter(
    ({ path, root, fileSystem }) =>
      isWithin(path, directory) || (fileSystem === location.fileSystem && isWithin(root, location.path)),
  );
}
