import { VolumeError } from '../model/errors.ts';
import { MAX_KEY_BYTES } from '../model/ports/devices-port.ts';

/** The name of the key of an encrypted volume in the secrets of a request. */
const PASSPHRASE = 'passphrase';

/**
 * The key of an encrypted volume in the secrets of a request; undefined if they have none. All bytes count: a line feed at the
 * end is part of it.
 * @throws VolumeError invalid, which does not show it
 */
export function parsePassphrase(secrets: Readonly<Record<string, string>>): Buffer | undefined {
  const text = secrets[PASSPHRASE];
  if (text === undefined) return undefined;
  const key = Buffer.from(text);
  if (key.length > 0 && key.length <= MAX_KEY_BYTES) return key;
  const message = `has ${key.length} bytes; it must have 1 to ${MAX_KEY_BYTES}`;
  throw new VolumeError('invalid', message, { about: 'passphrase' });
}
