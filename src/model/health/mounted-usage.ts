import { DiskError, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { FileSystemUsage } from '../ports/mounts-port.ts';
import type { Model } from '../state/model.ts';
import type { KnownMount } from '../state/mount-index.ts';

/**
 * The space of a mounted image, which only its file system knows. Undefined if it is not mounted, or is being mounted
 * or unmounted.
 */
export async function mountedUsage(model: Model, volume: Volume): Promise<FileSystemUsage | undefined> {
  for (const mount of model.mountIndex.of(volume.id)) {
    const usage = await usageAt(model, mount);
    if (usage) return usage;
  }
  return undefined;
}

function usageAt(
  { mounts, pathsInWork }: Model,
  { path, mountId }: KnownMount,
): Promise<FileSystemUsage | undefined> {
  return pathsInWork.watch(async (watch) => {
    if (!watch.isAtRest(path)) return undefined;
    try {
      const state = await mounts.inspect(path);
      if (state.kind !== 'mounted' || state.mountId !== mountId) return undefined;
      const usage = await mounts.usage(path);
      return watch.isAtRest(path) ? usage : undefined;
    } catch (error) {
      // The path has disappeared.
      if (error instanceof VolumeError && !(error instanceof DiskError)) return undefined;
      throw error;
    }
  });
}
