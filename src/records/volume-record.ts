import { z } from 'zod';
import { accessModes } from '../volume/access-mode.ts';
import { fileSystemTypes } from '../volume/file-system-type.ts';
import type { Volume, VolumeContent } from '../volume/volume.ts';

/** The format this driver writes. It reads older ones too, and refuses newer ones. */
const formatVersion = 2;

const decimalBytes = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt);

const imageUse = z.discriminatedUnion('accessType', [
  z.object({ accessType: z.literal('block') }),
  z.object({ accessType: z.literal('mount'), fsType: z.enum(fileSystemTypes).optional() }),
]);

const content = z.discriminatedUnion('backend', [
  z.object({ backend: z.literal('directory') }),
  z.object({ backend: z.literal('quota'), projectId: z.int().min(1) }),
  z.object({ backend: z.literal('subvolume'), isLimited: z.boolean() }),
  z.object({ backend: z.literal('image'), use: imageUse }),
]);

const volumeRecord = z.object({
  formatVersion: z.literal(formatVersion),
  id: z.string().min(1),
  name: z.string().min(1),
  pool: z.string().min(1),
  capacityClass: z.string().min(1).optional(),
  content,
  capacityBytes: decimalBytes,
  root: z.object({
    uid: z.int().min(0),
    gid: z.int().min(0),
    mode: z
      .string()
      .regex(/^[0-7]{1,4}$/)
      .transform((text) => Number.parseInt(text, 8)),
  }),
  accessModes: z.array(z.enum(accessModes)),
  createdAt: z.iso.datetime(),
});

/** The text of `volume.json`: sizes in decimal digits, because they may pass what a JSON number holds exactly. */
export function encodeVolumeRecord(volume: Volume): string {
  const { capacityBytes, root, ...rest } = volume;
  const record: z.input<typeof volumeRecord> = {
    formatVersion,
    ...rest,
    capacityBytes: capacityBytes.toString(),
    root: { ...root, mode: root.mode.toString(8).padStart(4, '0') },
    accessModes: [...volume.accessModes],
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads the text of `volume.json`.
 * @throws Error with one sentence that says what is wrong with it
 */
export function decodeVolumeRecord(text: string): Volume {
  const parsed: unknown = parseJson(text);
  checkVersion(parsed);
  const result = volumeRecord.safeParse(migrate(parsed));
  if (!result.success) {
    const [problem] = result.error.issues;
    throw new Error(`${problem?.path.join('.') || 'record'}: ${problem?.message}`, { cause: result.error });
  }
  const { formatVersion: _, capacityClass, content, ...volume } = result.data;
  return { ...volume, capacityClass, content: contentOf(content) };
}

/** A field that is absent in the record is there, and undefined, in the model. */
function contentOf(record: z.output<typeof content>): VolumeContent {
  if (record.backend !== 'image') return record;
  const { use } = record;
  return { ...record, use: use.accessType === 'block' ? use : { ...use, fsType: use.fsType } };
}

/** Brings a record of an older format to the newest one. */
function migrate(record: unknown): unknown {
  if (typeof record !== 'object' || record === null) return record;
  if (!('formatVersion' in record) || record.formatVersion !== 1) return record;
  // The first format knew plain directories only, and named the backend beside everything else.
  const { backend, ...rest } = record as { backend?: unknown };
  return { ...rest, formatVersion: 2, content: { backend } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(text === '' ? 'it is empty' : 'it is not JSON', { cause: error });
  }
}

function checkVersion(record: unknown): void {
  const version =
    typeof record === 'object' && record !== null && 'formatVersion' in record && record.formatVersion;
  if (typeof version === 'number' && version > formatVersion) {
    throw new Error(`its format version ${version} is newer than ${formatVersion}, which this driver reads`);
  }
}
