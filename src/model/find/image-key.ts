import { VolumeError } from '../errors.ts';
import { encryptionOf } from '../objects/encryption.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { ImageKey } from '../ports/devices-port.ts';

/**
 * What opens a volume: the key of the request or, without one, that of the node.
 * @param given the key of the request
 * @returns undefined if the volume is not encrypted
 * @throws VolumeError invalid: it is, and there is no key
 */
export async function imageKeyOf(
  parts: Parts<'host'>,
  { content }: Volume,
  given: Buffer | undefined,
): Promise<ImageKey | undefined> {
  const encryption = encryptionOf(content);
  if (!encryption) return undefined;
  const key = given ?? (await parts.host.nodeKey());
  if (key) return { key, allowsDiscards: encryption.discards ?? false };
  const message =
    'is required, because the volume is encrypted: name its Secret in the StorageClass, or set --encryption-key-file';
  throw new VolumeError('invalid', message, { about: 'passphrase' });
}
