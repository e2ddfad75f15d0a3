import { posix } from 'node:path';
import { quote, VolumeError } from '../errors.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import { isWithin } from '../requests/within.ts';
import { locationIn } from '../state/locations.ts';
import type { Model } from '../state/model.ts';

/**
 * Refuses to go on while a directory of a pool, or anything in it, is mounted elsewhere, or has a mount point in it:
 * a subPath left behind by the kubelet, a backup's bind mount, another disk. Asks the kernel, since any process may
 * have made such a mount at any time.
 * @param subject the contents of the directory, for the message
 * @throws VolumeError precondition, naming the paths
 */
export async function checkUnmounted(model: Model, subject: string, directory: string): Promise<void> {
  const mounts = await mountsOf(model, directory);
  if (mounts.length === 0) return;
  const paths = mounts.map(({ path }) => quote(path)).join(', ');
  throw new VolumeError('precondition', `${subject} is still in use: unmount ${paths} first`);
}

async function mountsOf(model: Model, directory: string): Promise<MountedPath[]> {
  const parent = posix.dirname(directory);
  const state = await model.mounts.inspect(parent);
  const list = await model.mounts.list();
  // An earlier attempt got as far as the rename, and the directory is gone.
  if (state.kind === 'absent') return [];
  const homeId = 'mountId' in state ? state.mountId : undefined;
  const home = list.find(({ mountId }) => mountId === homeId);
  const location = home && locationIn(home, directory);
  if (!location) {
    throw new VolumeError('unavailable', `${parent} is not in any mount that the driver can see; call again`);
  }
  return list.filter(
    ({ path, root, fileSystem }) =>
      isWithin(path, directory) || (fileSystem === location.fileSystem && isWithin(root, location.path)),
  );
}
