import * as z from 'zod';
import { crc32c } from '../kernel/file-systems/crc32c.ts';
import { encryptionFormats } from '../model/objects/encryption.ts';
import { fsckModes, type ImageUse, type Origin, type RootOwnership } from '../model/objects/volume.ts';
import { accessModes } from '../model/requests/capability.ts';
import { wholeSectors } from '../model/requests/capacity.ts';
import { fileSystemTypes } from '../model/requests/file-system-options.ts';

/** What the records of volumes, snapshots and groups have in common in JSON. */

/** Sizes and counts are decimal strings, because they may exceed the integers that a JSON number holds exactly. */
export const decimal64 = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt);

const encryption = z.object({
  format: z.enum(encryptionFormats),
  discards: z.literal(true).optional(),
});

export const imageUse = z.discriminatedUnion('accessType', [
  z.object({ accessType: z.literal('block'), encryption: encryption.optional() }),
  z.object({
    accessType: z.literal('mount'),
    fsType: z.enum(fileSystemTypes).optional(),
    mkfsOptions: z.string().min(1).optional(),
    fsckMode: z.enum(fsckModes).optional(),
    encryption: encryption.optional(),
  }),
]);

export const imageContent = z.object({ backend: z.literal('image'), use: imageUse });

export const rootOwnership = z.object({
  uid: z.int().min(0),
  gid: z.int().min(0),
  mode: z
    .string()
    .regex(/^[0-7]{1,4}$/)
    .transform((text) => Number.parseInt(text, 8)),
});

/** The object that a received one is a copy of. */
export const origin = z.object({
  kind: z.enum(['volume', 'snapshot']),
  id: z.string().min(1),
  digest: z.string().min(1).optional(),
});

export const accessModeList = z.array(z.enum(accessModes));

export function encodeRoot(root: RootOwnership): z.input<typeof rootOwnership> {
  return { ...root, mode: root.mode.toString(8).padStart(4, '0') };
}

// A field that is absent in the record is present in the model, with the value undefined.

export function originOf(record: z.output<typeof origin> | undefined): Origin | undefined {
  return record && { ...record, digest: record.digest };
}

export function imageUseOf(use: z.output<typeof imageUse>): ImageUse {
  return use.accessType === 'block' ? use : { ...use, fsType: use.fsType };
}

/**
 * The actual size of the content. Older drivers recorded the requested size even if it was not a multiple of the sector
 * size, but images have always had whole sectors.
 */
export function sizeOfContent({ backend }: { backend: string }, recordedBytes: bigint): bigint {
  return backend === 'image' ? wholeSectors(recordedBytes) : recordedBytes;
}

/**
 * The text of a record, with a checksum: a few flipped bits may leave a text that parses, and says something else. It is on the
 * first line, so that a person who edits the record, or a command, can remove that line and nothing else.
 */
export function toText(record: object): string {
  return `${JSON.stringify({ checksum: checksumOf(record), ...record }, null, 2)}\n`;
}

function checksumOf(record: object): string {
  return crc32c(Buffer.from(JSON.stringify(record)))
    .toString(16)
    .padStart(8, '0');
}

/**
 * Parses the text of a record in the newest or an older format.
 * @param migrate converts a record of an older format to the newest one
 * @throws Error with one sentence that says what is wrong with the text
 */
export function parseRecord<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  newestVersion: number,
  migrate = (record: unknown) => record,
): z.output<Schema> {
  const parsed: unknown = parseJson(text);
  checkVersion(parsed, newestVersion);
  const result = schema.safeParse(migrate(parsed));
  if (result.success) {
    checkChecksum(parsed);
    return result.data;
  }
  const [problem] = result.error.issues;
  throw new Error(`${problem?.path.join('.') || 'record'}: ${problem?.message}`, { cause: result.error });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(text === '' ? 'it is empty' : 'it is not JSON', { cause: error });
  }
}

function checkVersion(record: unknown, newestVersion: number): void {
  const version =
    typeof record === 'object' && record !== null && 'formatVersion' in record && record.formatVersion;
  if (typeof version === 'number' && version > newestVersion) {
    throw new Error(`its format version ${version} is too new; this driver reads up to ${newestVersion}`);
  }
}

/** Records of older drivers have no checksum, and neither has one whose owner edited it and removed that line. */
function checkChecksum(parsed: unknown): void {
  if (typeof parsed !== 'object' || parsed === null || !('checksum' in parsed)) return;
  const { checksum, ...record } = parsed;
  if (checksum === checksumOf(record)) return;
  throw new Error('its content does not match its checksum; if you edited it, remove the checksum');
}
