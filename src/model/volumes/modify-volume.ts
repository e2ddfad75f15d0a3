import { formatLifetime } from '../../units/lifetime.ts';
import { quote, VolumeError } from '../errors.ts';
import type { BackendKind, MutableParameters, Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { HeldVolume } from '../state/holds.ts';

/**
 * Changes the named mutable parameters of a volume, all or none (CSI specification, ControllerModifyVolume). May be
 * repeated; steps that a crash left undone are repeated.
 * @throws VolumeError invalid: a volume of this kind cannot have one of them
 */
export async function modifyVolume(
  parts: Parts<'catalogue' | 'holds' | 'onStep'>,
  volume: HeldVolume,
  changes: Partial<MutableParameters>,
): Promise<Volume> {
  const modified: Volume = { ...volume, mutable: withChanges(volume.mutable, changes) };
  checkMutable(volume.content.backend, modified.mutable);
  const data = parts.catalogue.dataOf(volume);
  await parts.onStep('modify: checked');
  const hasLimit = 'inodeLimit' in changes;
  const modify = async () => {
    try {
      if (hasLimit) await data.applyLimits(modified);
      await parts.onStep('modify: limits applied');
      // Last, as in an expansion: until the record changes nothing has changed, and a retry repeats every step.
      await parts.catalogue.replaceVolume(modified);
    } catch (error) {
      // The caller needs the first error.
      if (hasLimit) await data.applyLimits(volume).catch(() => {});
      throw error;
    }
  };
  // In turn, so that limits are not compared with a record that is about to change.
  await parts.holds.recording.inTurn(volume.id, modify);
  await parts.onStep('modify: recorded');
  return modified;
}

/** Applies the named changes; other parameters keep their values. */
export function withChanges(
  mutable: MutableParameters,
  changes: Partial<MutableParameters>,
): MutableParameters {
  return { ...mutable, ...changes, opaque: { ...mutable.opaque, ...changes.opaque } };
}

// They are part of the volume context, which CSI limits to 4 KiB, next to its other entries.
const OPAQUE_LIMIT_BYTES = 3072;

/**
 * @throws VolumeError invalid: a volume of this kind cannot have one of these parameters, or they exceed the size limit
 */
export function checkMutable(backend: BackendKind, { inodeLimit, opaque }: MutableParameters): void {
  const opaqueBytes = Buffer.byteLength(Object.entries(opaque).flat().join(''));
  if (opaqueBytes > OPAQUE_LIMIT_BYTES) {
    const message = `mutable_parameters: the names and values of unused parameters have ${opaqueBytes} bytes; the limit is ${OPAQUE_LIMIT_BYTES}`;
    throw new VolumeError('invalid', message);
  }
  if (inodeLimit === undefined || backend === 'quota') return;
  const message = `${inodeLimit} cannot be enforced: only directories with a project quota have an inode limit, and this volume is ${described[backend]}`;
  throw new VolumeError('invalid', message, { about: 'inodeLimit' });
}

const described: Readonly<Record<Exclude<BackendKind, 'quota'>, string>> = {
  directory: 'a plain directory',
  subvolume: 'a subvolume',
  image: 'an image',
};

/** The named parameter in which a volume differs; undefined if it has them all. */
export function mutableDifference(
  { mutable }: Volume,
  named: Partial<MutableParameters>,
): string | undefined {
  if (named.onDelete !== undefined && named.onDelete !== mutable.onDelete)
    return `onDelete ${mutable.onDelete}`;
  if ('archiveExpirySeconds' in named && named.archiveExpirySeconds !== mutable.archiveExpirySeconds) {
    return `archiveExpiry ${formatExpiry(mutable.archiveExpirySeconds)}`;
  }
  if ('inodeLimit' in named && named.inodeLimit !== mutable.inodeLimit) {
    return `inodeLimit ${quote(String(mutable.inodeLimit ?? 'default'))}`;
  }
  return opaqueDifference(mutable.opaque, named.opaque ?? {});
}

function formatExpiry(seconds: number | undefined): string {
  return seconds === undefined ? 'never' : formatLifetime(seconds);
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
