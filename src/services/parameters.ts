import { invalidField, quote, VolumeError } from '../model/errors.ts';
import { type Encryption, encryptionFormats } from '../model/objects/encryption.ts';
import { type Named, nameProblem, needsClaim, templateProblem } from '../model/objects/name-template.ts';
import {
  type Claim,
  compressions,
  type FsckMode,
  fsckModes,
  type RootOwnership,
  type SubvolumeAttributes,
} from '../model/objects/volume.ts';
import { backendChoices, type ContentRequest, enforcementChoices } from '../model/volumes/choose-content.ts';
import { restoreChoices, type VolumeSpec } from '../model/volumes/create-volume.ts';
import { type Deletion, parseDeletion } from './mutable-parameters.ts';
import { isKubernetesKey, unknownParameter } from './unknown-parameter.ts';

/** The parsed parameters of a StorageClass. */
export interface VolumeParameters {
  /** The pools and accounting classes that the volume may be in; empty if the driver may choose. */
  readonly pools: readonly string[];
  readonly contentRequest: Omit<ContentRequest, 'isBlock' | 'fsType'>;
  readonly root: RootOwnership;
  /** Whether content of a block volume may be mounted. */
  readonly allowsModeChange: boolean;
  readonly restore: VolumeSpec['restore'];
  /** How the readable name of the volume is made; undefined for none. */
  readonly nameTemplate: string | undefined;
  /** What becomes of its content when it is deleted, as far as the class says. May be changed later. */
  readonly deletion: Partial<Deletion>;
}

const LARGEST_ID = 0xffff_fffe;
const known = [
  ...['pool', 'kind', 'backend', 'enforceCapacity', 'uid', 'gid', 'mode'],
  ...['mkfsOptions', 'fsckMode', 'provisioning', 'compression', 'nodatacow'],
] as const;
// Only in classes: the author of a pod must not be able to allow it, and an inline volume has no content source.
const MODE_CHANGE_KEY = 'allowVolumeModeChange';
// Only in classes: an inline volume has no claim.
const RESTORE_KEY = 'restore';
const TEMPLATE_KEY = 'nameTemplate';
// Only in classes: nothing of an inline volume outlives its pod.
const ENCRYPTION_KEY = 'encryption';
const DISCARDS_KEY = 'encryptionDiscards';
const deletionKeys = ['onDelete', 'archiveExpiry'] as const;
const classKeys = [
  ...[MODE_CHANGE_KEY, RESTORE_KEY, TEMPLATE_KEY, ENCRYPTION_KEY, DISCARDS_KEY],
  ...deletionKeys,
] as const;
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
  const expected = [...known, ...(field === 'parameters' ? classKeys : []), ...others];
  const isSkipped = (key: string) =>
    isIgnored(key) || (field === 'parameters' && key === OLD_FILE_SYSTEM_KEY);
  const unknown = Object.keys(parameters).find((key) => !isSkipped(key) && !expected.includes(key));
  if (unknown !== undefined) throw unknownParameter(field, unknown, expected);
  const given = parameters as Partial<Record<(typeof known)[number] | (typeof classKeys)[number], string>>;
  const {
    backend = 'auto',
    enforceCapacity = 'auto',
    uid = '0',
    gid = '0',
    mode = '0777',
    fsckMode = 'auto',
    provisioning = 'thin',
  } = given;
  return {
    pools: parsePools(field, given.pool, given.kind),
    contentRequest: {
      backend: parseChoice(`${field}.backend`, backend, backendChoices),
      enforceCapacity: parseChoice(`${field}.enforceCapacity`, enforceCapacity, enforcementChoices),
      mkfsOptions: given.mkfsOptions === undefined ? undefined : parseWords(field, given.mkfsOptions),
      isThick: parseChoice(`${field}.provisioning`, provisioning, ['thin', 'thick']) === 'thick' || undefined,
      fsckMode: parseFsckMode(`${field}.fsckMode`, fsckMode),
      attributes: parseAttributes(field, given),
      encryption: parseEncryption(field, given[ENCRYPTION_KEY], given[DISCARDS_KEY]),
    },
    root: {
      uid: parseId(`${field}.uid`, uid),
      gid: parseId(`${field}.gid`, gid),
      mode: parseMode(`${field}.mode`, mode),
    },
    allowsModeChange:
      parseChoice(`${field}.${MODE_CHANGE_KEY}`, given[MODE_CHANGE_KEY] ?? 'false', ['true', 'false']) ===
      'true',
    restore: parseChoice(`${field}.${RESTORE_KEY}`, given[RESTORE_KEY] ?? 'never', restoreChoices),
    nameTemplate: parseTemplate(`${field}.${TEMPLATE_KEY}`, given[TEMPLATE_KEY]),
    deletion: parseDeletion(field, given),
  };
}

const claimNeeded = 'needs the claim, which csi-provisioner names with --extra-create-metadata';

/**
 * Checks the parameters that depend on what the volume is created for.
 * @throws VolumeError invalid: one needs the claim, and the caller did not name it; or the name that a template gives is not
 *   possible
 */
export function checkForVolume(
  { restore, nameTemplate }: VolumeParameters,
  volume: Pick<Named, 'name' | 'claim'>,
): void {
  if (restore !== 'never' && !volume.claim) {
    throw invalidField(`parameters.${RESTORE_KEY}`, restore, claimNeeded);
  }
  if (nameTemplate === undefined) return;
  // The id and the pool are not known yet, and are safe names.
  const problem =
    needsClaim(nameTemplate) && !volume.claim
      ? claimNeeded
      : nameProblem(nameTemplate, { ...volume, id: 'id', pool: 'pool' });
  if (problem !== undefined) throw invalidField(`parameters.${TEMPLATE_KEY}`, nameTemplate, problem);
}

function parseTemplate(field: string, template: string | undefined): string | undefined {
  const problem = template === undefined ? undefined : templateProblem(template);
  if (problem !== undefined) throw invalidField(field, template, problem);
  return template;
}

// Added by csi-provisioner with --extra-create-metadata.
const CLAIM_NAMESPACE_KEY = 'csi.storage.k8s.io/pvc/namespace';
const CLAIM_NAME_KEY = 'csi.storage.k8s.io/pvc/name';
// The longest name in Kubernetes.
const LONGEST_NAME_BYTES = 253;

/** The claim that a volume is created for; undefined if the parameters do not name one, or cannot. Never an error. */
export function parseClaim(parameters: Readonly<Record<string, string>>): Claim | undefined {
  const namespace = parameters[CLAIM_NAMESPACE_KEY];
  const name = parameters[CLAIM_NAME_KEY];
  return isName(namespace) && isName(name) ? { namespace, name } : undefined;
}

function isName(text: string | undefined): text is string {
  return text !== undefined && text !== '' && Buffer.byteLength(text) <= LONGEST_NAME_BYTES;
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
  return isKubernetesKey(key) || key === REFERENCE_KEY;
}

/** Names separated by commas. `kind` is the Go reference driver's name for a pool. */
function parsePools(field: string, pool: string | undefined, kind: string | undefined): readonly string[] {
  if (pool !== undefined && kind !== undefined && pool !== kind) {
    throw invalidField(`${field}.kind`, kind, `must be the same as ${field}.pool, ${quote(pool)}`);
  }
  return (pool ?? kind)?.split(',').map((name) => name.trim()) ?? [];
}

function parseChoice<const Choice extends string>(
  field: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw invalidField(field, text, `must be one of ${choices.join(', ')}`);
}

function parseFsckMode(field: string, text: string): FsckMode | undefined {
  const mode = parseChoice(field, text, ['auto', ...fsckModes]);
  return mode === 'auto' ? undefined : mode;
}

function parseAttributes(
  field: string,
  { compression, nodatacow }: { compression?: string; nodatacow?: string },
): SubvolumeAttributes | undefined {
  const isInPlace =
    parseChoice(`${field}.nodatacow`, nodatacow ?? 'false', ['true', 'false']) === 'true' || undefined;
  if (compression === undefined) return isInPlace && { noDataCow: isInPlace };
  const chosen = parseChoice(`${field}.compression`, compression, compressions);
  if (!isInPlace) return { compression: chosen };
  throw invalidField(
    `${field}.compression`,
    chosen,
    'is impossible with nodatacow: btrfs compresses only what it writes anew',
  );
}

function parseEncryption(
  field: string,
  encryption = 'none',
  discards: string | undefined,
): Encryption | undefined {
  const format = parseChoice(`${field}.${ENCRYPTION_KEY}`, encryption, ['none', ...encryptionFormats]);
  const discardsField = `${field}.${DISCARDS_KEY}`;
  if (format === 'none') {
    if (discards === undefined) return undefined;
    throw invalidField(discardsField, discards, 'is for encrypted volumes; set encryption: luks2');
  }
  const isAllowed = parseChoice(discardsField, discards ?? 'deny', ['deny', 'allow']) === 'allow';
  return isAllowed ? { format, discards: true } : { format };
}

/** Words separated by one space each; which of them are possible depends on the file system. */
function parseWords(field: string, text: string): string {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0)
    throw invalidField(`${field}.mkfsOptions`, text, 'must have options, such as -i 8192');
  return words.join(' ');
}

function parseId(field: string, text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  // In chown(2), the largest number means "leave unchanged".
  if (id <= LARGEST_ID) return id;
  throw invalidField(field, text, `must be a decimal number up to ${LARGEST_ID}`);
}

function parseMode(field: string, text: string): number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return Number.parseInt(text, 8);
  throw invalidField(field, text, 'must be an octal file mode such as 0770');
}
