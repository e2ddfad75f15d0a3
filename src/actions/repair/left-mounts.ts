import { quote, VolumeError } from '../../model/errors.ts';
import { idOfDirectory } from '../../model/objects/object-id.ts';
import type { Parts } from '../../model/parts.ts';
import type { MountedPath } from '../../model/ports/mounts-port.ts';
import type { Pool } from '../../model/ports/pool.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';
import { exclusive } from '../../model/state/holds.ts';
import type { PlannedRepair } from './planned-repair.ts';

/** How mountinfo shows the root of a mount that was removed: nothing can be in it any more. */
const REMOVED = '//deleted';

/**
 * Mounts of the directories of volumes that do not exist: the directory itself was removed, so that the mount is empty. A mount of an
 * image is left to a person, since the file may be open in it alone.
 */
export async function leftMounts(parts: Parts, pools: readonly Pool[]): Promise<PlannedRepair[]> {
  const found: PlannedRepair[] = [];
  for (const mount of await parts.host.mounts.list()) {
    const volumeId = goneVolumeOf(parts, pools, mount);
    if (volumeId === undefined) continue;
    found.push({
      subject: `mount ${mount.path}`,
      problem: `it is a mount of ${volumeId}, which does not exist`,
      repair: 'unmount it',
      holds: [exclusive('volume', volumeId), exclusive('path', mount.path)],
      run: () => unmount(parts, pools, mount),
    });
  }
  return found;
}

/** The volume that a mount was of, if it is gone; undefined for every other mount. */
function goneVolumeOf(
  { catalogue, host, settings }: Parts,
  pools: readonly Pool[],
  { path, root, fileSystem }: MountedPath,
): string | undefined {
  if (!root.endsWith(REMOVED)) return undefined;
  const location = { fileSystem, path: root.slice(0, -REMOVED.length) };
  const [kind, directory, content] = host.locations.namesInPool(location) ?? [];
  if (kind !== 'volumes' || directory === undefined || content !== 'data') return undefined;
  const id = idOfDirectory(directory);
  const isKnown = catalogue.volumes.findIntact(id) ?? catalogue.volumes.findDamaged(id);
  if (isKnown || catalogue.poolOf(catalogue.volumes, id) === undefined) return undefined;
  const isOurs = settings.mountPaths.directories.some((each) => isWithin(path, each));
  return isOurs && pools.some((pool) => pool === catalogue.poolOf(catalogue.volumes, id)) ? id : undefined;
}

async function unmount(parts: Parts, pools: readonly Pool[], { path, mountId }: MountedPath): Promise<void> {
  const atPath = (await parts.host.mounts.list()).filter((mount) => mount.path === path);
  const mount = atPath.find((each) => each.mountId === mountId);
  if (!mount || goneVolumeOf(parts, pools, mount) === undefined) return;
  if (atPath.length > 1) {
    const message = `something else is mounted at ${quote(path)} as well; unmount it there by hand`;
    throw new VolumeError('precondition', message);
  }
  await parts.host.mounts.unmount(path);
  parts.host.mountIndex.removePath(path);
}
