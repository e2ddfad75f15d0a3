import { posix } from 'node:path';
import type { AttachedFile } from './devices-port.ts';
import { type PathSubject, quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { MountedPath } from './mounts-port.ts';

/**
 * Refuses to take down a mount that is known to be another volume's: by the index or the list of mounts, so also one that
 * cannot be looked at. A mount that cannot be told, because its
 * record is gone or another driver made it, is taken down: a CO that asks for it must not hang for ever.
 * @throws VolumeError precondition
 */
export async function checkOwner(
  model: Model,
  subject: PathSubject,
  volumeId: string,
  path: string,
  mountId: number,
): Promise<void> {
  const owner = await ownerOf(model, path, mountId);
  if (owner === undefined || owner === volumeId) return;
  const message = `${quote(path)} is the mount point of volume ${quote(owner)}, not of ${quote(volumeId)}`;
  throw new VolumeError('precondition', message, { about: subject });
}

async function ownerOf(model: Model, path: string, mountId: number): Promise<string | undefined> {
  const known = model.mountIndex.at(path);
  if (known?.mountId === mountId) return known.volumeId;
  const entry = (await model.mounts.list()).find((mount) => mount.mountId === mountId);
  return entry && volumeOfMount(model, entry, await model.devices.list())?.volumeId;
}

/** The volume that a mount shows, as far as paths tell, and whether it shows all of it. */
export function volumeOfMount(
  model: Pick<Model, 'volumes' | 'pools'>,
  { root, source }: Pick<MountedPath, 'root' | 'source'>,
  attached: readonly AttachedFile[],
): { volumeId: string; isWhole: boolean } | undefined {
  // The node of a device that is bound on a file has the root `/loop3`, a file system on it the source `/dev/loop3`.
  const device = attached.find(({ path }) => path === source || path === posix.join('/dev', root));
  const image = device && volumeOfFile(model, device.file);
  // A pool may itself lie on a device that somebody has attached a file to.
  if (!image) return volumeOfRoot(model, root);
  const { volumeId } = image;
  return volumeId === undefined ? undefined : { volumeId, isWhole: device.path !== source || root === '/' };
}

/** The volume whose image a file is: one that lies in a volume's directory of one of the pools. */
export function volumeOfFile(
  model: Pick<Model, 'volumes' | 'pools'>,
  file: string,
): { directoryName: string; volumeId: string | undefined } | undefined {
  const directory = posix.dirname(file);
  const isOurs = model.pools.all.some(
    (pool) => posix.dirname(directory) === posix.join(pool.path, 'volumes'),
  );
  if (!isOurs || posix.basename(file) !== 'image') return undefined;
  const directoryName = posix.basename(directory);
  return { directoryName, volumeId: model.volumes.idOfDirectory(directoryName) };
}

/**
 * The volume whose content, or a directory in it, the root of a mount is, as far as its path tells. A pool may lie
 * below directories that are called like its own, so every place in the path is looked at.
 */
function volumeOfRoot(
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
