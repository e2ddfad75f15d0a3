import { z } from 'zod';
import type { Volume, VolumeContent } from '../volume/volume.ts';
import {
  accessModeList,
  decimalBytes,
  encodeRoot,
  imageContent,
  imageUseOf,
  parseRecord,
  rootOwnership,
  toText,
} from './record-format.ts';

/** The format this driver writes. It reads older ones too, and refuses newer ones. */
const formatVersion = 3;

const content = z.discriminatedUnion('backend', [
  z.object({ backend: z.literal('directory') }),
  z.object({ backend: z.literal('quota'), projectId: z.int().min(1) }),
  z.object({ backend: z.literal('subvolume'), isLimited: z.boolean() }),
  imageContent,
]);

const source = z.object({ kind: z.enum(['snapshot', 'volume']), id: z.string().min(1) });

const volumeRecord = z.object({
  formatVersion: z.literal(formatVersion),
  id: z.string().min(1),
  name: z.string().min(1),
  pool: z.string().min(1),
  capacityClass: z.string().min(1).optional(),
  content,
  capacityBytes: decimalBytes,
  source: source.optional(),
  sharing: z.object({ lineage: z.string().min(1), sharedBytes: decimalBytes }),
  root: rootOwnership,
  accessModes: accessModeList,
  createdAt: z.iso.datetime(),
});

/** The text of `volume.json`. */
export function encodeVolumeRecord(volume: Volume): string {
  const { capacityBytes, root, sharing, ...rest } = volume;
  const record: z.input<typeof volumeRecord> = {
    formatVersion,
    ...rest,
    capacityBytes: capacityBytes.toString(),
    sharing: { ...sharing, sharedBytes: sharing.sharedBytes.toString() },
    root: encodeRoot(root),
    accessModes: [...volume.accessModes],
  };
  return toText(record);
}

/**
 * Reads the text of `volume.json`.
 * @throws Error with one sentence that says what is wrong with it
 */
export function decodeVolumeRecord(text: string): Volume {
  const record = parseRecord(text, volumeRecord, formatVersion, migrate);
  const { formatVersion: _, capacityClass, source, content, ...volume } = record;
  return { ...volume, capacityClass, source, content: contentOf(content) };
}

function contentOf(record: z.output<typeof content>): VolumeContent {
  return record.backend === 'image' ? { ...record, use: imageUseOf(record.use) } : record;
}

function migrate(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || !('formatVersion' in record)) return record;
  if (record.formatVersion === 1) return fromSecond(fromFirst(record));
  return record.formatVersion === 2 ? fromSecond(record) : record;
}

/** The first format knew plain directories only, and named the backend beside everything else. */
function fromFirst(record: object): object {
  const { backend, ...rest } = record as { backend?: unknown };
  return { ...rest, content: { backend } };
}

/** Before the third, nothing was copied. */
function fromSecond(record: object): object {
  const { id } = record as { id?: unknown };
  return { ...record, formatVersion: 3, sharing: { lineage: id, sharedBytes: '0' } };
}
