import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import { directoryFormats, type MovedObject } from '../../model/moving/moved-object.ts';
import { deletePolicies } from '../../model/objects/volume.ts';
import {
  accessModeList,
  decimal64,
  encodeRoot,
  imageUse,
  imageUseOf,
  rootOwnership,
} from '../../records/record-format.ts';

const content = z.discriminatedUnion('format', [
  z.object({ format: z.literal('image'), use: imageUse, isThick: z.literal(true).optional() }),
  z.object({ format: z.enum(directoryFormats) }),
]);

const header = z.object({
  kind: z.enum(['volume', 'snapshot']),
  contentId: z.string().min(1),
  name: z.string().min(1).max(128),
  pool: z.string().min(1),
  sizeBytes: decimal64.refine((bytes) => bytes > 0n),
  content,
  contentBytes: decimal64,
  since: z.string().min(1).optional(),
  root: rootOwnership,
  accessModes: accessModeList.min(1),
  mutable: z.object({
    onDelete: z.enum(deletePolicies),
    archiveExpirySeconds: z.int().min(0).optional(),
    inodeLimit: decimal64.optional(),
    opaque: z.record(z.string(), z.string()),
  }),
  claim: z.object({ namespace: z.string().min(1), name: z.string().min(1) }).optional(),
  nameTemplate: z.string().min(1).optional(),
  volumeId: z.string().min(1),
  createdAt: z.iso.datetime(),
});

/** The payload of the first frame. */
export function encodeHeader({
  sizeBytes,
  contentBytes,
  root,
  mutable,
  accessModes,
  ...rest
}: MovedObject): Buffer {
  const text: z.input<typeof header> = {
    ...rest,
    accessModes: [...accessModes],
    sizeBytes: sizeBytes.toString(),
    contentBytes: contentBytes.toString(),
    root: encodeRoot(root),
    mutable: { ...mutable, inodeLimit: mutable.inodeLimit?.toString(), opaque: { ...mutable.opaque } },
  };
  return Buffer.from(JSON.stringify(text));
}

/** @throws VolumeError invalid: another sender wrote it */
export function decodeHeader(payload: Buffer): MovedObject {
  const result = header.safeParse(parseJson(payload.toString('utf8')));
  if (!result.success) {
    const [problem] = result.error.issues;
    const field = quote(problem?.path.join('.') ?? '');
    throw new VolumeError('invalid', `the stream's header is invalid: ${field}: ${problem?.message}`);
  }
  const { since, claim, nameTemplate, mutable, content: moved, ...rest } = result.data;
  return {
    ...rest,
    since,
    claim,
    nameTemplate,
    mutable: {
      ...mutable,
      archiveExpirySeconds: mutable.archiveExpirySeconds,
      inodeLimit: mutable.inodeLimit,
    },
    content: moved.format === 'image' ? { ...moved, use: imageUseOf(moved.use) } : moved,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
