import { posix } from 'node:path';
import { invalidValue, type PathSubject, quote, VolumeError } from '../errors.ts';
import type { PathState, UnreadableState } from '../ports/mounts-port.ts';
import type { Model } from '../state/model.ts';
import type { MountUse } from '../state/mount-index.ts';

/**
 * Refuses a path inside the mount of a volume, or inside a pool that is bind-mounted somewhere else: the files there
 * belong to pods or to the driver, and creating or removing a target there would change their data.
 * @throws VolumeError invalid
 */
export async function checkOutsideVolumes(model: Model, subject: PathSubject, path: string): Promise<void> {
  const directory = posix.dirname(path);
  const parent = await model.mounts.inspect(directory);
  if (!('mountId' in parent) || parent.mountId === undefined) return;
  const mount = await model.mountIndex.withId(parent.mountId);
  if (mount) {
    const message = `${quote(path)} lies inside volume ${quote(mount.volumeId)}, mounted at ${quote(mount.path)}`;
    throw new VolumeError('invalid', message, { about: subject });
  }
  const location = await model.locations.inMount(parent.mountId, directory);
  if (location === undefined || model.locations.namesInPool(location) === undefined) return;
  throw invalidValue(subject, path, 'is inside a pool that is also mounted there');
}

/**
 * Refuses to unpublish a path where a volume is staged, or to unstage a target: unpublishing would remove the staging
 * directory, which is the CO's.
 * @throws VolumeError invalid
 */
export function checkUse(
  model: Model,
  subject: PathSubject,
  path: string,
  wrongUse: Exclude<MountUse['kind'], 'found' | 'inside'>,
): void {
  if (model.mountIndex.at(path)?.use.kind !== wrongUse) return;
  const meaning = wrongUse === 'staging' ? 'where a volume is staged' : 'where a volume is published';
  throw new VolumeError('invalid', `${quote(path)} is ${meaning}`, { about: subject });
}

/**
 * The topmost mount at a path to be unmounted; undefined if there is none. The mount need not be readable for that.
 * @throws VolumeError invalid: a symbolic link; precondition: it is unknown whether anything is mounted there
 */
export function mountToTakeDown(subject: PathSubject, path: string, state: PathState): number | undefined {
  if (state.kind === 'symlink') throw symlinkError(subject, path);
  if (state.kind === 'mounted') return state.mountId;
  if (state.kind !== 'unreadable') return undefined;
  if (state.mountId === undefined) throw unreadable(subject, path, state);
  return state.mountId;
}

/**
 * Refuses an unreadable path, for callers that need to know its contents.
 * @throws VolumeError precondition
 */
export function checkReadable(
  subject: PathSubject,
  path: string,
  state: PathState,
): asserts state is Exclude<PathState, UnreadableState> {
  if (state.kind === 'unreadable') throw unreadable(subject, path, state);
}

function unreadable(subject: PathSubject, path: string, { mountId, why }: UnreadableState): VolumeError {
  const what = mountId === undefined ? quote(path) : `what is mounted at ${quote(path)}`;
  const message = `${what} ${why}; its disk or server may have failed`;
  return new VolumeError('precondition', message, { about: subject });
}

/** The path itself is a symbolic link, which is neither followed nor replaced. */
export function symlinkError(subject: PathSubject, path: string): VolumeError {
  return invalidValue(subject, path, 'is a symbolic link');
}
