import { z } from 'zod';
import type { ImageUse, RootOwnership } from '../model/objects/volume.ts';
import { accessModes } from '../model/requests/access-mode.ts';
import { wholeSectors } from '../model/requests/capacity.ts';
import { fileSystemTypes } from '../model/requests/file-system-type.ts';

/** What the records of volumes, snapshots and groups have in common, as it is written in JSON. */

/** Sizes and counts are decimal digits, because they may pass what a JSON number holds exactly. */
export const decimal64 = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt);

const imageUse = z.discriminatedUnion('accessType', [
  z.object({ accessType: z.literal('block') }),
  z.object({ accessType: z.literal('mount'), fsType: z.enum(fileSystemTypes).optional() }),
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

export const accessModeList = z.array(z.enum(accessModes));

export function encodeRoot(root: RootOwnership): z.input<typeof rootOwnership> {
  return { ...root, mode: root.mode.toString(8).padStart(4, '0') };
}

/** A field that is absent in the record is there, and undefined, in the model. */
export function imageUseOf(use: z.output<typeof imageUse>): ImageUse {
  return use.accessType === 'block' ? use : { ...use, fsType: use.fsType };
}

/**
 * The size that content has. Older drivers recorded what was asked for, also where it was no whole number of sectors; the
 * image has always had whole ones.
 */
export function sizeOfContent({ backend }: { backend: string }, recordedBytes: bigint): bigint {
  return backend === 'image' ? wholeSectors(recordedBytes) : recordedBytes;
}

export function toText(record: unknown): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads the text of a record, of the newest format or of an older one.
 * @param migrate brings a record of an older format to the newest one
 * @throws Error with one sentence that says what is wrong with it
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
  if (result.success) return result.data;
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
    throw new Error(`its format version ${version} is newer than ${newestVersion}, which this driver reads`);
  }
}
