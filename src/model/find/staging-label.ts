import { createHash } from 'node:crypto';
import type { Host } from '../parts.ts';
import { type AccessMode, accessModes } from '../requests/capability.ts';

/**
 * Where a block volume is staged. Nothing is mounted at its staging path, which is an ordinary empty directory, so
 * the path is noted in the label of the image's device: the note survives a restart of the driver, and disappears
 * with the device. Paths are noted as hashes, because the label is short, each with a digit for its access mode. The
 * caller holds the volume.
 */

const PREFIX = 'staged:';
const HASH_DIGITS = 12;
/** As many as fit into a label. The oldest is dropped. */
const PATH_LIMIT = 4;

/** A path where a volume is staged. */
interface StagedPath {
  readonly hash: string;
  /** Undefined if an older driver noted the path. */
  readonly accessMode: AccessMode | undefined;
}

/**
 * Notes that the volume of an attached image is staged at a path.
 * @returns the access mode with which it is staged there: that of the first stage
 */
export async function recordStagingPath(
  { devices }: Host,
  image: string,
  stagingPath: string,
  accessMode: AccessMode,
): Promise<AccessMode> {
  const known = pathsIn(await devices.labelOf(image)) ?? [];
  const hash = hashOf(stagingPath);
  const before = known.find((each) => each.hash === hash);
  if (before?.accessMode) return before.accessMode;
  const others = known.filter((each) => each !== before);
  const recorded = [{ hash, accessMode }, ...others].slice(0, PATH_LIMIT);
  await devices.setLabel(image, [PREFIX, ...recorded.map(formatPath)].join(' '));
  return accessMode;
}

/** Whether the volume of an image is staged at a path; undefined if its device was attached without a note. */
export async function isStagedAt(
  { devices }: Host,
  image: string,
  path: string,
): Promise<boolean | undefined> {
  const label = await devices.labelOf(image);
  return label === undefined ? false : pathsIn(label)?.some(({ hash }) => hash === hashOf(path));
}

function pathsIn(label = ''): StagedPath[] | undefined {
  const [prefix, ...words] = label.split(' ');
  return prefix === PREFIX ? words.map(parsePath) : undefined;
}

function parsePath(word: string): StagedPath {
  return {
    hash: word.slice(0, HASH_DIGITS),
    accessMode: accessModes[Number(word[HASH_DIGITS] ?? Number.NaN)],
  };
}

function formatPath({ hash, accessMode }: StagedPath): string {
  return accessMode === undefined ? hash : `${hash}${accessModes.indexOf(accessMode)}`;
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, HASH_DIGITS);
}
