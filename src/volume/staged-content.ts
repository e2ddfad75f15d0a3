import { quote, unknownVolume, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { DirectoryState, FileIdentity, PathState } from './ports.ts';
import type { Volume } from './volume.ts';

/** @throws VolumeError not-found, or damaged when its record cannot be understood */
export function existingVolume(model: Model, volumeId: string): Volume {
  const volume = model.volumes.find(volumeId);
  if (!volume) throw unknownVolume(volumeId);
  return volume;
}

/** The directory that is mounted when a volume is staged: its path, and what it is now. */
export async function contentOf(
  model: Model,
  volume: Volume,
): Promise<{ path: string; state: DirectoryState }> {
  const { records, backend } = model.pools.of(volume);
  const path = backend.contentOf(records.directoryOf(volume.id));
  const state = await model.mounts.inspect(path);
  if (state.kind !== 'directory') {
    const message = `volume ${quote(volume.id)} has lost its data: ${path} is ${state.kind}, not a directory`;
    throw new VolumeError('damaged', message);
  }
  return { path, state };
}

/** What is at a path of a request; a path that cannot be walked is told with the name of its field. */
export function inspectField(model: Model, field: string, path: string): Promise<PathState> {
  return namingField(field, model.mounts.inspect(path));
}

/** Puts the name of the request's field before what is wrong with its value. */
export async function namingField<T>(field: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    throw new VolumeError(error.kind, `${field}: ${error.message}`, { cause: error });
  }
}

/** Whether two identities are of one file or directory. */
export function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device === other.device;
}
