import * as z from 'zod';
import { encryptionOf } from '../model/objects/encryption.ts';
import {
  compressions,
  type Deletion,
  defaultMutableParameters,
  deletePolicies,
  type MutableParameters,
  type Volume,
  type VolumeContent,
} from '../model/objects/volume.ts';
import { accessModes } from '../model/requests/capability.ts';
import {
  accessModeList,
  decimal64,
  encodeRoot,
  imageContent,
  imageUseOf,
  origin,
  originOf,
  parseRecord,
  rootOwnership,
  sizeOfContent,
  toText,
} from './record-format.ts';

/** The newest format, of encrypted volumes. This driver also reads older formats, and refuses newer ones. */
const formatVersion = 6;
/** The formats of records with nothing that is newer: drivers that know no more can read them. */
const formatWithArchive = 5;
const formatWithoutArchive = 4;

const content = z.discriminatedUnion('backend', [
  z.object({ backend: z.literal('directory') }),
  z.object({ backend: z.literal('quota'), projectId: z.int().min(1) }),
  z.object({
    backend: z.literal('subvolume'),
    isLimited: z.boolean(),
    attributes: z
      .object({ compression: z.enum(compressions).optional(), noDataCow: z.literal(true).optional() })
      .optional(),
  }),
  imageContent.extend({ isThick: z.literal(true).optional() }),
]);

const source = z.object({ kind: z.enum(['snapshot', 'volume']), id: z.string().min(1) });

const mutableParameters = z.object({
  onDelete: z.enum(deletePolicies),
  archiveExpirySeconds: z.int().min(1).optional(),
  inodeLimit: decimal64.optional(),
  opaque: z.record(z.string(), z.string()).optional(),
});

const attachment = z.object({
  nodeId: z.string().min(1),
  accessMode: z.enum(accessModes),
  readOnly: z.boolean(),
});

const deletion = z.object({ at: z.iso.datetime(), expiresAt: z.iso.datetime().optional() });

const volumeRecord = z.object({
  formatVersion: z.literal(formatVersion),
  id: z.string().min(1),
  name: z.string().min(1).optional(),
  pool: z.string().min(1),
  capacityClass: z.string().min(1).optional(),
  content,
  capacityBytes: decimal64,
  source: source.optional(),
  sharing: z.object({ lineage: z.string().min(1), sharedBytes: decimal64 }),
  root: rootOwnership,
  accessModes: accessModeList,
  mutable: mutableParameters,
  attachment: attachment.optional(),
  inline: z.object({ targetPath: z.string().startsWith('/') }).optional(),
  claim: z.object({ namespace: z.string().min(1), name: z.string().min(1) }).optional(),
  nameTemplate: z.string().min(1).optional(),
  adoptedFrom: z
    .object({ path: z.string().startsWith('/'), inode: z.string().regex(/^\d{1,20}$/) })
    .optional(),
  origin: origin.optional(),
  createdAt: z.iso.datetime(),
  deletion: deletion.optional(),
});

/** The text of `volume.json`. */
export function encodeVolumeRecord(volume: Volume): string {
  const { capacityBytes, root, sharing, mutable, adoptedFrom, ...rest } = volume;
  const record: Omit<z.input<typeof volumeRecord>, 'formatVersion'> & { formatVersion: number } = {
    formatVersion: formatOf(volume),
    ...rest,
    capacityBytes: capacityBytes.toString(),
    sharing: { ...sharing, sharedBytes: sharing.sharedBytes.toString() },
    root: encodeRoot(root),
    accessModes: [...volume.accessModes],
    mutable: encodeMutable(mutable),
    ...(adoptedFrom ? { adoptedFrom: { ...adoptedFrom, inode: adoptedFrom.inode.toString() } } : {}),
  };
  return toText(record);
}

/**
 * Parses the text of `volume.json`.
 * @throws Error with one sentence that says what is wrong with the text
 */
export function decodeVolumeRecord(text: string): Volume {
  const record = parseRecord(text, volumeRecord, formatVersion, migrate);
  const {
    formatVersion: _,
    name,
    capacityClass,
    source,
    content,
    attachment,
    inline,
    claim,
    nameTemplate,
    deletion,
    adoptedFrom,
    origin: received,
    ...volume
  } = record;
  const { onDelete, archiveExpirySeconds, inodeLimit, opaque = {} } = volume.mutable;
  const mutable = { onDelete, archiveExpirySeconds, inodeLimit, opaque };
  const capacityBytes = sizeOfContent(content, volume.capacityBytes);
  const optional = {
    name,
    capacityClass,
    source,
    attachment,
    inline,
    claim,
    nameTemplate,
    origin: originOf(received),
    deletion: deletionOf(deletion),
  };
  const adopted = adoptedFrom && { adoptedFrom: { ...adoptedFrom, inode: BigInt(adoptedFrom.inode) } };
  return { ...volume, ...optional, ...adopted, capacityBytes, content: contentOf(content), mutable };
}

function deletionOf(record: z.output<typeof deletion> | undefined): Deletion | undefined {
  return record && { at: record.at, expiresAt: record.expiresAt };
}

/** The oldest format that has all of a volume. A driver must not read the record of a volume that it would treat wrongly. */
function formatOf({ content, mutable }: Volume): number {
  // It would be formatted without encryption.
  if (encryptionOf(content)) return formatVersion;
  return usesArchive(mutable) ? formatWithArchive : formatWithoutArchive;
}

/** A driver that does not know of archives would remove such a volume. */
function usesArchive({ onDelete, archiveExpirySeconds }: MutableParameters): boolean {
  return onDelete === 'archive' || archiveExpirySeconds !== undefined;
}

/**
 * Without opaque parameters, a record looks as it did before they existed, so that older drivers can read all of it.
 */
function encodeMutable({
  onDelete,
  archiveExpirySeconds,
  inodeLimit,
  opaque,
}: MutableParameters): z.input<typeof mutableParameters> {
  const kept = Object.keys(opaque).length > 0 ? { ...opaque } : undefined;
  return { onDelete, archiveExpirySeconds, inodeLimit: inodeLimit?.toString(), opaque: kept };
}

function contentOf(record: z.output<typeof content>): VolumeContent {
  return record.backend === 'image' ? { ...record, use: imageUseOf(record.use) } : record;
}

function migrate(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || !('formatVersion' in record)) return record;
  switch (record.formatVersion) {
    case 1:
      return fromVersion3(fromVersion2(fromVersion1(record)));
    case 2:
      return fromVersion3(fromVersion2(record));
    case 3:
      return fromVersion3(record);
    case 4:
    case 5:
      return { ...record, formatVersion };
    default:
      return record;
  }
}

/** Format 1 had only plain directories, and stored the backend at the top level. */
function fromVersion1(record: object): object {
  const { backend, ...rest } = record as { backend?: unknown };
  return { ...rest, content: { backend } };
}

/** Before format 3, nothing was copied. */
function fromVersion2(record: object): object {
  const { id } = record as { id?: unknown };
  return { ...record, sharing: { lineage: id, sharedBytes: '0' } };
}

/** Before format 4, volumes could not be modified. */
function fromVersion3(record: object): object {
  return { ...record, formatVersion, mutable: defaultMutableParameters };
}
