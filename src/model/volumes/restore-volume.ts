import { quote, VolumeError } from '../errors.ts';
import { existingVolume } from '../find/find-object.ts';
import type { Claim, Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { exclusive, type Hold } from '../state/holds.ts';
import { checkContentUnused } from './delete-volume.ts';

/** What may change about a volume when it is restored; undefined keeps its own. */
export interface RestoreChanges {
  readonly name: string | undefined;
  readonly claim: Claim | undefined;
}

/**
 * Makes a retained or archived volume exist again, under its id. Its capacity is reserved already. May be repeated.
 * @throws VolumeError not-found: there is none with this id; already-exists: another volume has its name; precondition:
 *   its content is missing or mounted
 */
export async function restoreVolume(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  { id }: Hold<'volume'>,
  changes: RestoreChanges,
): Promise<Volume> {
  const { catalogue } = parts;
  const volume = await catalogue.find(catalogue.retained, id);
  if (!volume) return restoredBefore(parts, id, changes);
  const restored = changed(volume, changes);
  const { name } = restored;
  const held = parts.holds.hold(name === undefined ? [] : [exclusive('volume name', name)]);
  try {
    if (name !== undefined && catalogue.volumes.findByName(name)) throw nameTakenError(id, name);
    return await restoreAs(parts, volume, restored);
  } finally {
    held.release();
  }
}

/**
 * The same for a caller that holds the volume and its new name.
 * @param restored the volume as it will exist
 */
export async function restoreAs(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  restored: Volume,
): Promise<Volume> {
  await checkContentUnused(parts, volume, 'retained');
  await checkContent(parts, volume);
  return parts.catalogue.restoreVolume(volume, restored);
}

async function restoredBefore(
  { catalogue }: Parts<'catalogue'>,
  id: string,
  changes: RestoreChanges,
): Promise<Volume> {
  const volume = await existingVolume(catalogue, id);
  const asked = changed(volume, changes);
  const isSame =
    asked.name === volume.name &&
    asked.claim?.namespace === volume.claim?.namespace &&
    asked.claim?.name === volume.claim?.name;
  if (isSame) return volume;
  const message = `volume ${quote(id)} exists already, as ${quote(volume.name)}, and keeps its name and claim`;
  throw new VolumeError('already-exists', message);
}

function changed(volume: Volume, { name, claim }: RestoreChanges): Volume {
  return { ...volume, name: name ?? volume.name, claim: claim ?? volume.claim };
}

/** Its owner may have taken it out of `retained/`. */
async function checkContent({ catalogue, host }: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  const data = catalogue.dataOf(volume, 'retained');
  // An earlier attempt may have got as far as the rename; otherwise the records say that it is gone.
  if ((await host.paths.inspect(data.directory)).kind === 'absent') return;
  const loss = await data.loss();
  if (!loss) return;
  const what = loss.kind === 'missing' ? 'is missing' : `has only ${loss.sizeBytes} bytes`;
  throw new VolumeError('precondition', `the content of volume ${quote(volume.id)} ${what}: ${data.path}`);
}

function nameTakenError(id: string, name: string): VolumeError {
  const message = `another volume is named ${quote(name)}; restore ${quote(id)} under another name`;
  return new VolumeError('already-exists', message);
}
