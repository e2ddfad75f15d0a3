import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { MountedState } from './ports.ts';

/**
 * Refuses to take down a mount that is known to be another volume's. A mount that cannot be told, because its
 * record is gone or another driver made it, is taken down: a CO that asks for it must not hang for ever.
 * @throws VolumeError precondition
 */
export async function checkOwner(
  model: Model,
  field: string,
  volumeId: string,
  path: string,
  mounted: MountedState,
): Promise<void> {
  const owner = await ownerOf(model, path, mounted);
  if (owner === undefined || owner === volumeId) return;
  const message = `${field}: ${quote(path)} is the mount point of volume ${quote(owner)}, not of ${quote(volumeId)}`;
  throw new VolumeError('precondition', message);
}

async function ownerOf(model: Model, path: string, mounted: MountedState): Promise<string | undefined> {
  const known = model.mountIndex.at(path);
  if (known?.mountId === mounted.mountId) return known.volumeId;
  const entry = (await model.mounts.list()).find((mount) => mount.mountId === mounted.mountId);
  return entry && volumeOfRoot(model, entry.root)?.volumeId;
}

/**
 * The volume whose content, or a directory in it, the root of a mount is, as far as its path tells. A pool may lie
 * below directories that are called like its own, so every place in the path is looked at.
 */
export function volumeOfRoot(
  model: Pick<Model, 'volumes'>,
  root: string,
): { volumeId: string; isWhole: boolean } | undefined {
  const names = root.split('/');
  for (const [index, name] of names.entries()) {
    if (name !== 'volumes' || names[index + 2] !== 'data') continue;
    const volumeId = model.volumes.idOfDirectory(names[index + 1] ?? '');
    if (volumeId !== undefined) return { volumeId, isWhole: index + 3 === names.length };
  }
  return undefined;
}
