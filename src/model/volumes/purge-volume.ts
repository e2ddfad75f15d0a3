import { quote, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Hold } from '../state/holds.ts';
import { checkContentUnused } from './delete-volume.ts';

/**
 * Removes a retained or archived volume for good.
 * @returns undefined if there is none with this id
 * @throws VolumeError precondition: the volume was not deleted, or its content is mounted
 */
export async function purgeVolume(
  parts: Parts<'catalogue' | 'host'>,
  { id }: Hold<'volume'>,
): Promise<Volume | undefined> {
  const { catalogue } = parts;
  const volume = await catalogue.find(catalogue.retained, id);
  if (!volume) {
    if (!(await catalogue.find(catalogue.volumes, id))) return undefined;
    throw new VolumeError('precondition', `volume ${quote(id)} was not deleted; delete its claim first`);
  }
  await checkContentUnused(parts, volume, 'retained');
  await catalogue.removeRetained(volume);
  return volume;
}
