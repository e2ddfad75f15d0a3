import { z } from 'zod';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { replaceFile } from '../../records/durable-file.ts';
import { NotOwnFileError, readOwnFile } from '../../records/own-file.ts';
import { homes } from '../../records/pool-layout.ts';

const formatVersion = 1;
/** The id of a pool, as it is written in JSON. */
export const poolId = z.string().regex(/^[0-9a-f]{8}$/);

const marker = z.object({
  formatVersion: z.literal(formatVersion),
  poolId,
  /** What the file system was when the pool was made, as `fileSystemIdentity` tells it. */
  fileSystem: z.string(),
  /** Which directories for objects were made; absent while they are being made, and in pools of older versions. */
  homes: z.array(z.enum(homes)).optional(),
});

const registry = z.object({
  formatVersion: z.literal(formatVersion),
  pools: z.array(z.object({ name: z.string(), path: z.string(), poolId, fileSystem: z.string() })),
});

/** What tells that a directory is a pool, and which. */
export type PoolMarker = Omit<z.infer<typeof marker>, 'formatVersion'>;

/** A pool this driver has used: one whose marker is missing later is an unmounted disk, not a new pool. */
export type RememberedPool = z.infer<typeof registry>['pools'][number];

/** What is in a file of ours is not what was written; it is left as it is. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/** The marker of a pool, undefined where there is none. @throws DamagedFileError naming the file when it cannot be understood */
export async function readMarker(path: string): Promise<PoolMarker | undefined> {
  return parseOwnJson(path, marker);
}

export async function writeMarker(path: string, content: PoolMarker): Promise<void> {
  await replaceFile(path, toText({ formatVersion, ...content }));
}

/** The pools remembered in a state directory. @throws DamagedFileError naming the file when it cannot be understood */
export async function readRegistry(path: string): Promise<RememberedPool[]> {
  return (await parseOwnJson(path, registry))?.pools ?? [];
}

export async function writeRegistry(path: string, pools: readonly RememberedPool[]): Promise<void> {
  await replaceFile(path, toText({ formatVersion, pools }));
}

/** Reads a JSON file that the driver wrote. @throws DamagedFileError when it cannot be understood */
export async function parseOwnJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  let text: string;
  try {
    text = await readOwnFile(path);
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    if (error instanceof NotOwnFileError) {
      throw new DamagedFileError(`${path} cannot be understood: ${error.message}`, { cause: error });
    }
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new DamagedFileError(`${path} cannot be understood; it is left as it is`, { cause: error });
  }
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
