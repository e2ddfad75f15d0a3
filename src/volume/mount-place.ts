import { posix } from 'node:path';
import { invalidField, quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { MountUse } from './mount-index.ts';

/**
 * Refuses a path inside a volume's own mount: what lies there is the pods', and a target made or removed there
 * would be a change to their data.
 * @throws VolumeError invalid
 */
export async function checkOutsideVolumes(model: Model, field: string, path: string): Promise<void> {
  const parent = await model.mounts.inspect(posix.dirname(path));
  if (parent.kind !== 'directory' && parent.kind !== 'mounted') return;
  const mount = await model.mountIndex.withId(parent.mountId);
  if (!mount) return;
  const message = `${field}: ${quote(path)} lies inside volume ${quote(mount.volumeId)}, mounted at ${quote(mount.path)}`;
  throw new VolumeError('invalid', message);
}

/**
 * Refuses to take down as a target what is known to be staged, and the other way round: unpublishing would remove
 * the staging directory, which is the CO's.
 * @throws VolumeError invalid
 */
export function checkUse(
  model: Model,
  field: string,
  path: string,
  wrongUse: Exclude<MountUse['kind'], 'found' | 'inside'>,
): void {
  if (model.mountIndex.at(path)?.use.kind !== wrongUse) return;
  const meaning = wrongUse === 'staging' ? 'where a volume is staged' : 'where a volume is published';
  throw new VolumeError('invalid', `${field}: ${quote(path)} is ${meaning}`);
}

/** A path that is a symbolic link itself, which is neither followed nor replaced. */
export function symlinkError(field: string, path: string): VolumeError {
  return invalidField(field, path, 'is a symbolic link');
}
