import { posix } from 'node:path';
import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import { accessModes } from '../../model/requests/capability.ts';
import { exclusive } from '../../model/state/holds.ts';
import type { Action } from '../action.ts';
import { type Adoption, adoptData } from './adopt-data.ts';
import { sourcePath } from './source-path.ts';

const NAME_LIMIT_BYTES = 128;

const input = z.object({
  path: z.string(),
  pool: z.string().min(1).optional(),
  /** By default that of the directory or file. */
  name: z.string().min(1).optional(),
  sizeBytes: z
    .string()
    .regex(/^[1-9]\d{0,18}$/)
    .transform(BigInt)
    .optional(),
  claim: z.object({ namespace: z.string().min(1), name: z.string().min(1) }).optional(),
  /** Whether what is in it may make the volume larger than that. */
  isMinimum: z.boolean().default(false),
  /** That of existing PersistentVolumes; by default a new one. */
  id: z.string().min(1).optional(),
  accessModes: z.array(z.enum(accessModes)).min(1).default(['SINGLE_NODE_WRITER']),
  isBlock: z.boolean(),
  isReal: z.boolean(),
});

/** Makes a volume of a directory or an image file. */
export const adopt: Action<z.output<typeof input>, Adoption> = {
  input,
  holds: ({ path, name }) => [
    exclusive('path', sourcePath(path)),
    exclusive('volume name', nameFor(sourcePath(path), name)),
  ],
  run: ({ path: text, name, pool, isReal, ...given }, context) => {
    const path = sourcePath(text);
    return adoptData(context, { ...given, path, name: nameFor(path, name) }, { pool, isReal });
  },
};

function nameFor(path: string, given: string | undefined): string {
  const name = given ?? posix.basename(path);
  if (Buffer.byteLength(name) <= NAME_LIMIT_BYTES) return name;
  throw new VolumeError('invalid', `--name: ${quote(name)} is longer than ${NAME_LIMIT_BYTES} bytes`);
}
