import { quote, VolumeError } from '../errors.ts';
import type { Claim, Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { exclusive } from '../state/holds.ts';
import type { VolumeSpec } from './create-volume.ts';
import { checkMutable, withChanges } from './modify-volume.ts';
import { restoreAs } from './restore-volume.ts';
import { differenceOf, placementDifference } from './volume-difference.ts';

/**
 * Restores the newest retained or archived volume of a claim in place of creating an empty one. The new volume has the name
 * that the CO chose and the parameters that it named, and otherwise stays as it was.
 * @returns undefined if the claim has none, and may have an empty volume
 * @throws VolumeError invalid: it is not what the claim asks for; exhausted: there is none, and one is required
 */
export async function restoreForClaim(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings'>,
  spec: VolumeSpec,
): Promise<Volume | undefined> {
  const { claim, restore } = spec;
  if (restore === 'never' || !claim || spec.source) return undefined;
  const newest = newestOf(parts, spec, claim);
  if (newest) return restoreHeld(parts, spec, newest);
  if (restore === 'latest') return undefined;
  // The code that makes a provisioner try another node.
  const message = `no deleted volume of claim ${claimName(claim)} is on this node`;
  throw new VolumeError('exhausted', message, { about: 'restore' });
}

function newestOf(
  { catalogue }: Parts<'catalogue'>,
  { pools }: VolumeSpec,
  claim: Claim,
): Volume | undefined {
  const [newest] = catalogue.retained
    .all()
    .filter((volume) => volume.claim?.namespace === claim.namespace && volume.claim.name === claim.name)
    .filter((volume) => placementDifference(catalogue, volume, pools) === undefined)
    .sort((one, other) => (timeOf(one) < timeOf(other) ? 1 : -1));
  return newest;
}

/** Older drivers did not record when a volume was deleted. */
function timeOf({ deletion, createdAt }: Volume): string {
  return deletion?.at ?? createdAt;
}

async function restoreHeld(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings'>,
  spec: VolumeSpec,
  { id }: Volume,
): Promise<Volume> {
  const held = parts.holds.hold([exclusive('volume', id)]);
  try {
    const volume = await parts.catalogue.find(parts.catalogue.retained, id);
    if (!volume) throw new VolumeError('aborted', `volume ${quote(id)} was restored or removed; retry`);
    const restored = asAskedFor(volume, spec);
    checkMutable(volume.content.backend, restored.mutable);
    const difference = differenceOf(parts, restored, spec);
    if (difference !== undefined) {
      const message = `the newest deleted volume of claim ${claimName(spec.claim)} is ${quote(id)}, which has ${difference}`;
      throw new VolumeError('invalid', message, { about: 'restore' });
    }
    if ('inodeLimit' in spec.mutable) await parts.catalogue.dataOf(volume, 'retained').applyLimits(restored);
    return await restoreAs(parts, volume, restored);
  } finally {
    held.release();
  }
}

/** A repeated create finds it by its name, and compares it with the request. */
function asAskedFor(volume: Volume, { name, capabilities, mutable, nameTemplate }: VolumeSpec): Volume {
  return {
    ...volume,
    name,
    source: undefined,
    nameTemplate,
    accessModes: [...new Set(capabilities.map(({ accessMode }) => accessMode))],
    mutable: withChanges(volume.mutable, mutable),
  };
}

function claimName(claim: Claim | undefined): string {
  return quote(`${claim?.namespace}/${claim?.name}`);
}
