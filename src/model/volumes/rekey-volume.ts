import { checkNothingLost } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { imageOf } from '../find/staged-content.ts';
import { encryptionOf } from '../objects/encryption.ts';
import type { Parts } from '../parts.ts';
import type { HeldVolume } from '../state/holds.ts';

/** The keys of a rekeyed volume. */
export interface KeyChange {
  readonly oldKey: Buffer;
  readonly newKey: Buffer;
}

/**
 * Replaces the key of an encrypted volume, which may be mounted. Its snapshots keep the old one. If a call has done so already,
 * nothing changes.
 * @throws VolumeError precondition: it is not encrypted, or was never staged; unauthenticated: neither key opens it
 */
export async function rekeyVolume(
  parts: Parts<'catalogue' | 'host'>,
  volume: HeldVolume,
  { oldKey, newKey }: KeyChange,
): Promise<void> {
  const name = `volume ${quote(volume.id)}`;
  if (!encryptionOf(volume.content)) throw new VolumeError('precondition', `${name} is not encrypted`);
  const image = await imageOf(parts, volume);
  await checkNothingLost(parts, volume);
  if ((await parts.host.formatter.inspect(image)) === 'blank') {
    const message = `${name} has no key yet: it gets that of the call that first stages it`;
    throw new VolumeError('precondition', message);
  }
  await parts.host.devices.changeKey(image, oldKey, newKey);
}
