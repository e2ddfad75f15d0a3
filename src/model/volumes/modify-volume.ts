import { replaceVolume } from '../content/replace-volume.ts';
import { quote, VolumeError } from '../errors.ts';
import type { BackendKind, MutableParameters, Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

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
  const modified: Volume = { ...volume, mutable: withChanges(volume.mutable, changes) };
  checkMutable(volume.content.backend, modified.mutable);
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

/** What a volume has when those that are named are changed and the others stay as they are. */
export function withChanges(
  mutable: MutableParameters,
  changes: Partial<MutableParameters>,
): MutableParameters {
  return { ...mutable, ...changes, opaque: { ...mutable.opaque, ...changes.opaque } };
}

// They are in the volume context, which CSI limits to 4 KiB, beside what is there anyway.
const OPAQUE_LIMIT_BYTES = 3072;

/** @throws VolumeError invalid: a volume of this kind cannot have one of these parameters, or no volume so many */
export function checkMutable(backend: BackendKind, { inodeLimit, opaque }: MutableParameters): void {
  const opaqueBytes = Buffer.byteLength(Object.entries(opaque).flat().join(''));
  if (opaqueBytes > OPAQUE_LIMIT_BYTES) {
    const message = `mutable_parameters: the names and values that the driver only keeps have ${opaqueBytes} bytes, and a volume has room for ${OPAQUE_LIMIT_BYTES}`;
    throw new VolumeError('invalid', message);
  }
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
  return opaqueDifference(mutable.opaque, named.opaque ?? {});
}

function opaqueDifference(
  kept: MutableParameters['opaque'],
  named: MutableParameters['opaque'],
): string | undefined {
  for (const [name, value] of Object.entries(named)) {
    if (!Object.hasOwn(kept, name)) return `no ${name}`;
    if (kept[name] !== value) return `${name} ${quote(kept[name])}`;
  }
  return undefined;
}
