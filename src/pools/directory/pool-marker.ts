import * as z from 'zod';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { NotOwnFileError, readOwnFile, replaceFile } from '../../records/durable-file.ts';
import { kindDirectories } from '../../records/pool-layout.ts';
import { parseRecord, toText } from '../../records/record-format.ts';

const formatVersion = 1;
/** The id of a pool in JSON. */
export const poolId = z.string().regex(/^[0-9a-f]{8}$/);

const marker = z.object({
  formatVersion: z.literal(formatVersion),
  poolId,
  /** The file system when the pool was created, from `fileSystemIdentity`. */
  fileSystem: z.string(),
  /** Which object directories were created; absent during creation, and in pools of older versions. */
  homes: z.array(z.enum(kindDirectories)).optional(),
});

const registry = z.object({
  formatVersion: z.literal(formatVersion),
  pools: z.array(z.object({ name: z.string(), path: z.string(), poolId, fileSystem: z.string() })),
});

/** Marks a directory as a pool and identifies it. */
export type PoolMarker = Omit<z.infer<typeof marker>, 'formatVersion'>;

/** A pool that this driver has used: if its marker is missing later, its disk is unmounted; it is not a new pool. */
export type RememberedPool = z.infer<typeof registry>['pools'][number];

/** One of the driver's files does not have the content that was written. The file is left untouched. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/**
 * The marker of a pool; undefined if there is none.
 * @throws DamagedFileError naming the file if it cannot be parsed or does not match its checksum
 */
export async function readMarker(path: string): Promise<PoolMarker | undefined> {
  return parseOwnJson(path, marker);
}

export async function writeMarker(path: string, content: PoolMarker): Promise<void> {
  await replaceFile(path, toText({ formatVersion, ...content }));
}

/**
 * The pools remembered in a state directory.
 * @throws DamagedFileError naming the file if it cannot be parsed or does not match its checksum
 */
export async function readRegistry(path: string): Promise<RememberedPool[]> {
  return (await parseOwnJson(path, registry))?.pools ?? [];
}

export async function writeRegistry(path: string, pools: readonly RememberedPool[]): Promise<void> {
  await replaceFile(path, toText({ formatVersion, pools }));
}

/**
 * Reads a JSON file that the driver wrote.
 * @throws DamagedFileError if it cannot be parsed or does not match its checksum
 */
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
      throw new DamagedFileError(`cannot read ${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
  try {
    return parseRecord(text, schema, formatVersion);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DamagedFileError(`cannot parse ${path}: ${reason}; file left untouched`, { cause: error });
  }
}
