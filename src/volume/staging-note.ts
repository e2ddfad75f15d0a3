import { createHash } from 'node:crypto';
import type { Model } from './model.ts';

/**
 * Where a block volume is staged. Nothing is mounted at its staging path, which is an empty directory like any other, so
 * the device of its image notes it: a restart of the driver does not lose that, and it goes with the device. Paths are noted
 * as hashes, because the note is short; the caller holds the volume.
 */

const PREFIX = 'staged:';
const HASH_DIGITS = 12;
/** As many as fit into a label. The one noted first is forgotten. */
const PATH_LIMIT = 4;

/** Notes that the volume of an attached image is staged at a path. */
export async function noteStaged({ devices }: Model, image: string, stagingPath: string): Promise<void> {
  const known = hashesIn(await devices.labelOf(image)) ?? [];
  const hash = hashOf(stagingPath);
  if (known.includes(hash)) return;
  const noted = [hash, ...known].slice(0, PATH_LIMIT);
  await devices.setLabel(image, [PREFIX, ...noted].join(' '));
}

/** Whether the volume of an image is staged at a path; undefined where its device was attached without a note. */
export async function isStagedAt(
  { devices }: Model,
  image: string,
  path: string,
): Promise<boolean | undefined> {
  const label = await devices.labelOf(image);
  return label === undefined ? false : hashesIn(label)?.includes(hashOf(path));
}

function hashesIn(label = ''): string[] | undefined {
  const [prefix, ...hashes] = label.split(' ');
  return prefix === PREFIX ? hashes : undefined;
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, HASH_DIGITS);
}
