import { invalidField, quote, VolumeError } from '../volume/errors.ts';
import type { RootOwnership } from '../volume/volume.ts';

/** The parameters of a StorageClass, parsed. */
export interface VolumeParameters {
  readonly pool: string | undefined;
  readonly root: RootOwnership;
}

const LARGEST_ID = 0xffff_fffe;
const known = ['pool', 'uid', 'gid', 'mode'] as const;
// The provisioner adds such keys, with the names of claim and volume.
const IGNORED_PREFIX = 'csi.storage.k8s.io/';

/**
 * Parses the parameters of CreateVolume and GetCapacity.
 * @throws VolumeError invalid: an unknown key, or a value of the wrong form
 */
export function parseParameters(parameters: Readonly<Record<string, string>>): VolumeParameters {
  for (const key of Object.keys(parameters)) {
    if (key.startsWith(IGNORED_PREFIX) || (known as readonly string[]).includes(key)) continue;
    throw new VolumeError('invalid', `parameters: ${quote(key)} is not known; known are ${known.join(', ')}`);
  }
  const {
    pool,
    uid = '0',
    gid = '0',
    mode = '0777',
  } = parameters as Partial<Record<(typeof known)[number], string>>;
  return { pool, root: { uid: parseId('uid', uid), gid: parseId('gid', gid), mode: parseMode(mode) } };
}

function parseId(key: string, text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  // The largest number stands for "leave unchanged" in chown(2).
  if (id <= LARGEST_ID) return id;
  throw invalidField(`parameters.${key}`, text, `is not a decimal number up to ${LARGEST_ID}`);
}

function parseMode(text: string): number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return Number.parseInt(text, 8);
  throw invalidField('parameters.mode', text, 'is not an octal file mode such as 0770');
}
