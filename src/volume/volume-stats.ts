import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { FileSystemUsage } from './ports.ts';
import { contentOf, inspectField, isSame } from './staged-content.ts';
import type { Volume } from './volume.ts';

/**
 * The space of a volume, asked at a path where it is staged or published (CSI specification,
 * NodeGetVolumeStats). A volume whose capacity is not enforced has the space of its pool's file system.
 * @throws VolumeError not-found: the volume is not mounted there
 */
export async function volumeStats(
  model: Model,
  volume: Volume,
  volumePath: string,
): Promise<FileSystemUsage> {
  const { state: content } = await contentOf(model, volume);
  const state = await inspectField(model, 'volume_path', volumePath);
  if (state.kind === 'mounted' && isSame(state.identity, content.identity))
    return model.mounts.usage(volumePath);
  throw notMountedAt(volume, volumePath);
}

/** The volume exists, but not at this path. */
export function notMountedAt(volume: Volume, path: string): VolumeError {
  return new VolumeError(
    'not-found',
    `volume_path: volume ${quote(volume.id)} is not mounted at ${quote(path)}`,
  );
}
