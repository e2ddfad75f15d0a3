import { invalidField, quote, VolumeError } from '../model/errors.ts';
import type { RootOwnership } from '../model/objects/volume.ts';
import { backendChoices, type ContentWish, enforcementChoices } from '../model/volumes/choose-content.ts';
import { isOfKubernetes } from './kubernetes-keys.ts';
import { unknownParameter } from './unknown-parameter.ts';

/** The parsed parameters of a StorageClass. */
export interface VolumeParameters {
  /** The pool or accounting class. */
  readonly pool: string | undefined;
  readonly wish: Pick<ContentWish, 'backend' | 'enforceCapacity'>;
  readonly root: RootOwnership;
  /** Whether content of a block volume may be mounted. */
  readonly allowsModeChange: boolean;
}

const LARGEST_ID = 0xffff_fffe;
const known = ['pool', 'kind', 'backend', 'enforceCapacity', 'uid', 'gid', 'mode'] as const;
// Only in classes: the author of a pod must not be able to allow it, and an inline volume has no content source.
const MODE_CHANGE_KEY = 'allowVolumeModeChange';
// Used only by the Go reference driver.
const REFERENCE_KEY = 'ignoreFailedRead';
// The old name of csi.storage.k8s.io/fstype. The provisioner reads it, and passes it on as well.
const OLD_FILE_SYSTEM_KEY = 'fstype';

/**
 * Parses the parameters of CreateVolume and GetCapacity, and the attributes of an inline volume.
 * @param field the field of the request that contains them
 * @param others further allowed keys, which other code parses
 * @throws VolumeError invalid: an unknown key, or an invalid value
 */
export function parseParameters(
  parameters: Readonly<Record<string, string>>,
  field: 'parameters' | 'volume_context' = 'parameters',
  others: readonly string[] = [],
): VolumeParameters {
  const expected = [...known, ...(field === 'parameters' ? [MODE_CHANGE_KEY] : []), ...others];
  const isPassedOver = (key: string) =>
    isIgnored(key) || (field === 'parameters' && key === OLD_FILE_SYSTEM_KEY);
  const unknown = Object.keys(parameters).find((key) => !isPassedOver(key) && !expected.includes(key));
  if (unknown !== undefined) throw unknownParameter(field, unknown, expected);
  const given = parameters as Partial<Record<(typeof known)[number] | typeof MODE_CHANGE_KEY, string>>;
  const { backend = 'auto', enforceCapacity = 'auto', uid = '0', gid = '0', mode = '0777' } = given;
  return {
    pool: parsePool(field, given.pool, given.kind),
    wish: {
      backend: parseChoice(`${field}.backend`, backend, backendChoices),
      enforceCapacity: parseChoice(`${field}.enforceCapacity`, enforceCapacity, enforcementChoices),
    },
    root: {
      uid: parseId(`${field}.uid`, uid),
      gid: parseId(`${field}.gid`, gid),
      mode: parseMode(`${field}.mode`, mode),
    },
    allowsModeChange:
      parseChoice(`${field}.${MODE_CHANGE_KEY}`, given[MODE_CHANGE_KEY] ?? 'false', ['true', 'false']) ===
      'true',
  };
}

/**
 * Checks the parameters of a VolumeSnapshotClass or a VolumeGroupSnapshotClass. None of them has an effect.
 * @throws VolumeError invalid: an unknown key
 */
export function checkSnapshotParameters(parameters: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(parameters).find((key) => !isIgnored(key));
  if (unknown === undefined) return;
  throw new VolumeError(
    'invalid',
    `parameters: unknown parameter ${quote(unknown)}; snapshots have no parameters`,
  );
}

function isIgnored(key: string): boolean {
  return isOfKubernetes(key) || key === REFERENCE_KEY;
}

/** `kind` is the Go reference driver's name for a pool. */
function parsePool(field: string, pool: string | undefined, kind: string | undefined): string | undefined {
  if (pool !== undefined && kind !== undefined && pool !== kind) {
    throw invalidField(`${field}.kind`, kind, `is another name than ${field}.pool, ${quote(pool)}`);
  }
  return pool ?? kind;
}

function parseChoice<const Choice extends string>(
  field: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw invalidField(field, text, `is none of ${choices.join(', ')}`);
}

function parseId(field: string, text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  // In chown(2), the largest number means "leave unchanged".
  if (id <= LARGEST_ID) return id;
  throw invalidField(field, text, `is not a decimal number up to ${LARGEST_ID}`);
}

function parseMode(field: string, text: string): number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return Number.parseInt(text, 8);
  throw invalidField(field, text, 'is not an octal file mode such as 0770');
}
