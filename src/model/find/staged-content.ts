import { about, type PathSubject, quote, VolumeError } from '../errors.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Device } from '../ports/devices-port.ts';
import type { DirectoryState, FileIdentity, PathState } from '../ports/mounts-port.ts';
import { namingPool } from '../ports/naming-pool.ts';
import type { Model } from '../state/model.ts';

/** The path of a volume's content: a directory, or an image file. */
export function contentPathOf(model: Model, volume: Volume): string {
  const { records, backends } = model.pools.of(volume);
  return backends[volume.content.backend].contentOf(records.volumes.directoryOf(volume.id));
}

/** The directory that is mounted when a directory volume is staged: its path and its current state. */
export async function contentOf(
  model: Model,
  volume: Volume,
): Promise<{ path: string; state: DirectoryState }> {
  const path = contentPathOf(model, volume);
  const state = await namingPool(volume, () => model.mounts.inspect(path));
  if (state.kind !== 'directory') {
    const message = `volume ${quote(volume.id)} has lost its data: ${path} is ${state.kind}, not a directory`;
    throw new VolumeError('damaged', message);
  }
  return { path, state };
}

/** The image file of a volume. @throws VolumeError damaged: it is missing */
export async function imageOf(model: Model, volume: Volume): Promise<string> {
  const path = contentPathOf(model, volume);
  const { kind } = await namingPool(volume, () => model.mounts.inspect(path));
  if (kind === 'file') return path;
  throw new VolumeError(
    'damaged',
    `volume ${quote(volume.id)} has lost its data: ${path} is ${kind}, not a file`,
  );
}

/** The device of a staged volume; undefined if its image is not attached. */
export async function deviceOf(model: Model, volume: Volume): Promise<Device | undefined> {
  return model.devices.find(await imageOf(model, volume));
}

/** Whether the volume itself is staged or published at a path. */
export async function isVolumeAt(
  model: Model,
  volume: Volume,
  path: string,
  state: PathState,
): Promise<boolean> {
  if (volume.content.backend !== 'image') {
    const { state: content } = await contentOf(model, volume);
    return state.kind === 'mounted' && isSame(state.identity, content.identity);
  }
  if (state.kind !== 'mounted') return false;
  const device = await deviceOf(model, volume);
  if (!device) return false;
  return isBlock(volume.content)
    ? state.deviceNode === device.number
    : (await model.mounts.deviceAt(path)) === device.number;
}

/** The state of a path in a request. */
export function inspectPath(model: Model, subject: PathSubject, path: string): Promise<PathState> {
  return about(subject, model.mounts.inspect(path));
}

/** Whether two identities belong to the same file or directory. */
export function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device === other.device;
}
