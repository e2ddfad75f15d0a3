import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { replaceVolume } from './replace-volume.ts';
import type { BackendKind, MutableParameters, Volume } from './volume.ts';

/**
 * Changes mutable parameters of a volume, all that are named or none (CSI specification, ControllerModifyVolume). May be
 * repeated; what a crash has left undone is done again. The caller holds the volume.
 * @throws VolumeError invalid: the volume is of a kind that cannot have one of them
 */
export async function modifyVolume(
  model: Model,
  volume: Volume,
  changes: Partial<MutableParameters>,
): Promise<Volume> {
  checkMutable(volume.content.backend, changes);
  const modified: Volume = { ...volume, mutable: { ...volume.mutable, ...changes } };
  const { records, backends } = model.pools.of(volume);
  const backend = backends[volume.content.backend];
  const directory = records.volumes.directoryOf(volume.id);
  await model.onStep('modify: checked');
  const hasLimit = 'inodeLimit' in changes;
  const modify = async () => {
    try {
      if (hasLimit) await backend.applyLimits(directory, modified);
      await model.onStep('modify: limits applied');
      // Last, as in an expansion: until the record says so nothing has changed, and a retry does it all.
      await replaceVolume(model, modified);
    } catch (error) {
      // What went wrong first is what the caller must know.
      if (hasLimit) await backend.applyLimits(directory, volume).catch(() => {});
      throw error;
    }
  };
  // In turn, so that limits are not compared with a record that is about to change.
  await model.sharing.inTurn(volume.id, modify);
  await model.onStep('modify: recorded');
  return modified;
}

/** @throws VolumeError invalid: a volume of this kind cannot have one of these parameters */
export function checkMutable(backend: BackendKind, { inodeLimit }: Partial<MutableParameters>): void {
  if (inodeLimit === undefined || backend === 'quota') return;
  const message = `${inodeLimit} cannot be held, because only a directory with a project quota has a limit of inodes, and this volume is ${described[backend]}`;
  throw new VolumeError('invalid', message, { about: 'inodeLimit' });
}

const described: Readonly<Record<Exclude<BackendKind, 'quota'>, string>> = {
  directory: 'a directory without one',
  subvolume: 'a subvolume',
  image: 'an image',
};

/** In which of the parameters that are named a volume differs; undefined when it has them all. */
export function mutableDifference(
  { mutable }: Volume,
  named: Partial<MutableParameters>,
): string | undefined {
  if (named.onDelete !== undefined && named.onDelete !== mutable.onDelete)
    return `onDelete ${mutable.onDelete}`;
  if ('inodeLimit' in named && named.inodeLimit !== mutable.inodeLimit) {
    return `inodeLimit ${quote(String(mutable.inodeLimit ?? 'default'))}`;
  }
  return undefined;
}
