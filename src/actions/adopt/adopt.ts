import { posix } from 'node:path';
import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
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
  run: ({ path: text, name, pool, isReal, sizeBytes, claim, isBlock }, context) => {
    const path = sourcePath(text);
    const accessModes = ['SINGLE_NODE_WRITER'] as const;
    const spec = { path, name: nameFor(path, name), sizeBytes, claim, accessModes, isBlock };
    return adoptData(context, spec, { pool, isReal });
  },
};

function nameFor(path: string, given: string | undefined): string {
  const name = given ?? posix.basename(path);
  if (Buffer.byteLength(name) <= NAME_LIMIT_BYTES) return name;
  throw new VolumeError('invalid', `--name: ${quote(name)} is longer than ${NAME_LIMIT_BYTES} bytes`);
}
