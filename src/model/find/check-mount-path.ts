import { posix } from 'node:path';
import { invalidValue, type PathSubject, quote, VolumeError } from '../errors.ts';
import type { Host } from '../parts.ts';
import type { PathState, UnreadableState } from '../ports/paths-port.ts';
import type { MountUse } from '../state/mount-index.ts';

/**
 * Refuses a path inside the mount of a volume, or inside a pool that is bind-mounted somewhere else: the files there
 * belong to pods or to the driver, and creating or removing a target there would change their data.
 * @throws VolumeError invalid
 */
export async function checkOutsideVolumes(host: Host, subject: PathSubject, path: string): Promise<void> {
  const directory = posix.dirname(path);
  const parent = await host.paths.inspect(directory);
  if (!('mountId' in parent) || parent.mountId === undefined) return;
  const mount = await host.mountIndex.withId(parent.mountId);
  if (mount) {
    const message = `${quote(path)} is inside volume ${quote(mount.volumeId)}, mounted at ${quote(mount.path)}`;
    throw new VolumeError('invalid', message, { about: subject });
  }
  const location = await host.locations.inMount(parent.mountId, directory);
  if (location === undefined || host.locations.namesInPool(location) === undefined) return;
  throw invalidValue(subject, path, 'is inside a bind mount of a pool');
}

/**
 * Refuses to unpublish a path where a volume is staged, or to unstage a target: unpublishing would remove the staging
 * directory, which is the CO's.
 * @throws VolumeError invalid
 */
export function checkNotUsedAs(
  host: Host,
  subject: PathSubject,
  path: string,
  wrongUse: Exclude<MountUse['kind'], 'found' | 'inside'>,
): void {
  if (host.mountIndex.at(path)?.use.kind !== wrongUse) return;
  const meaning = wrongUse === 'staging' ? 'the staging path of a volume' : 'the target path of a volume';
  throw new VolumeError('invalid', `${quote(path)} is ${meaning}`, { about: subject });
}

/**
 * The topmost mount at a path to be unmounted; undefined if there is none. The mount need not be readable for that.
 * @throws VolumeError invalid: a symbolic link; precondition: it is unknown whether anything is mounted there
 */
export function mountToUnmount(subject: PathSubject, path: string, state: PathState): number | undefined {
  if (state.kind === 'symlink') throw symlinkError(subject, path);
  if (state.kind === 'mounted') return state.mountId;
  if (state.kind !== 'unreadable') return undefined;
  if (state.mountId === undefined) throw unreadableError(subject, path, state);
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
  if (state.kind === 'unreadable') throw unreadableError(subject, path, state);
}

function unreadableError(subject: PathSubject, path: string, { mountId, why }: UnreadableState): VolumeError {
  const what = mountId === undefined ? quote(path) : `the mount at ${quote(path)}`;
  const message = `${what} ${why}; its disk or server may have failed`;
  return new VolumeError('precondition', message, { about: subject });
}

/** The path itself is a symbolic link, which is neither followed nor replaced. */
export function symlinkError(subject: PathSubject, path: string): VolumeError {
  return invalidValue(subject, path, 'must not be a symbolic link');
}
