import { hasFileSystem } from '../content/content-defects.ts';
import { DiskError, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { FileSystemUsage } from '../ports/file-systems-port.ts';
import type { VolumeUsage } from '../ports/ports.ts';
import type { KnownMount } from '../state/mount-index.ts';

/**
 * The space of a volume by its own limit or file system, wherever it is mounted; undefined if it has neither, or if that
 * is unknown at the moment.
 * @throws VolumeError precondition: quotas are off
 */
export async function ownUsage(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
): Promise<VolumeUsage | undefined> {
  if (hasFileSystem(volume.content)) return mountedUsage(parts, volume);
  return parts.catalogue.dataOf(volume).usage();
}

/**
 * The space of a mounted image, which only its file system knows. Undefined if it is not mounted, or is being mounted
 * or unmounted.
 */
async function mountedUsage(
  parts: Parts<'host' | 'holds'>,
  volume: Volume,
): Promise<FileSystemUsage | undefined> {
  for (const mount of parts.host.mountIndex.mountsOf(volume.id)) {
    const usage = await mountUsage(parts, mount);
    if (usage) return usage;
  }
  return undefined;
}

function mountUsage(
  { host: { paths, fileSystems }, holds: { mounting } }: Parts<'host' | 'holds'>,
  { path, mountId }: KnownMount,
): Promise<FileSystemUsage | undefined> {
  return mounting.watch(async (watch) => {
    if (!watch.isAtRest(path)) return undefined;
    try {
      const state = await paths.inspect(path);
      if (state.kind !== 'mounted' || state.mountId !== mountId) return undefined;
      const usage = await fileSystems.usage(path);
      return watch.isAtRest(path) ? usage : undefined;
    } catch (error) {
      // The path has disappeared.
      if (error instanceof VolumeError && !(error instanceof DiskError)) return undefined;
      throw error;
    }
  });
}
