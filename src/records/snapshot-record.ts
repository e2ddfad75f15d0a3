import * as z from 'zod';
import { encryptionOf } from '../model/objects/encryption.ts';
import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import {
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

/** The newest format, of encrypted snapshots. */
const formatVersion = 2;
/** The format of all others, which older drivers can read. */
const formatWithoutEncryption = 1;

const content = z.discriminatedUnion('backend', [
  z.object({ backend: z.literal('directory') }),
  z.object({ backend: z.literal('subvolume') }),
  imageContent,
]);

const snapshot = z.object({
  id: z.string().min(1),
  name: z.string().min(1).optional(),
  pool: z.string().min(1),
  groupId: z.string().min(1).optional(),
  sourceVolumeId: z.string().min(1),
  content,
  sizeBytes: decimal64,
  occupiedBytes: decimal64.optional(),
  root: rootOwnership,
  lineage: z.string().min(1),
  origin: origin.optional(),
  createdAt: z.iso.datetime(),
});

const knownFormat = z.literal([formatVersion, formatWithoutEncryption]);

const snapshotRecord = snapshot.extend({ formatVersion: knownFormat });

const groupRecord = z.object({
  formatVersion: knownFormat,
  id: z.string().min(1),
  name: z.string().min(1),
  pool: z.string().min(1),
  snapshots: z.array(snapshot),
  createdAt: z.iso.datetime(),
});

/** The text of `snapshot.json`. */
export function encodeSnapshotRecord(object: Snapshot): string {
  const record = { formatVersion: formatOf([object]), ...toRecord(object) };
  return toText(record);
}

/**
 * Parses the text of `snapshot.json`.
 * @throws Error with one sentence that says what is wrong with the text
 */
export function decodeSnapshotRecord(text: string): Snapshot {
  const { formatVersion: _, ...rest } = parseRecord(text, snapshotRecord, formatVersion);
  return fromRecord(rest);
}

/** The text of `group.json`, including the records of the group's snapshots. */
export function encodeGroupRecord({ snapshots, ...rest }: GroupSnapshot): string {
  const record: z.input<typeof groupRecord> = {
    formatVersion: formatOf(snapshots),
    ...rest,
    snapshots: snapshots.map(toRecord),
  };
  return toText(record);
}

/**
 * Parses the text of `group.json`.
 * @throws Error with one sentence that says what is wrong with the text
 */
export function decodeGroupRecord(text: string): GroupSnapshot {
  const { formatVersion: _, snapshots, ...rest } = parseRecord(text, groupRecord, formatVersion);
  return { ...rest, snapshots: snapshots.map(fromRecord) };
}

function formatOf(snapshots: readonly Snapshot[]): typeof formatVersion | typeof formatWithoutEncryption {
  return snapshots.some(({ content }) => encryptionOf(content)) ? formatVersion : formatWithoutEncryption;
}

function toRecord({ sizeBytes, occupiedBytes, root, ...rest }: Snapshot): z.input<typeof snapshot> {
  return {
    ...rest,
    sizeBytes: sizeBytes.toString(),
    occupiedBytes: occupiedBytes?.toString(),
    root: encodeRoot(root),
  };
}

function fromRecord({
  name,
  groupId,
  occupiedBytes,
  content,
  origin: received,
  ...rest
}: z.output<typeof snapshot>): Snapshot {
  const isImage = content.backend === 'image';
  return {
    ...rest,
    sizeBytes: sizeOfContent(content, rest.sizeBytes),
    name,
    groupId,
    occupiedBytes,
    origin: originOf(received),
    content: isImage ? { ...content, use: imageUseOf(content.use) } : content,
  };
}
