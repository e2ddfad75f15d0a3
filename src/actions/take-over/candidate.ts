import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { errno, errnoName, errnoOf, isErrno } from '../../kernel/calls/errno.ts';
import { below, withPath } from '../../kernel/calls/path-handle.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Claim } from '../../model/objects/volume.ts';
import { NotOwnFileError, readOwnFile } from '../../records/durable-file.ts';

/** Data of another provisioner that may become a volume. */
export interface Candidate {
  /** Of the directory or the image file. */
  readonly path: string;
  /** That of its PersistentVolume. */
  readonly name: string;
  /** The id that PersistentVolumes have for it, if they are of this driver. */
  readonly id?: string;
  readonly claim?: Claim;
  /** Its size, as far as the provisioner has recorded it: a decimal number. */
  readonly sizeBytes?: string;
  /** The pool or accounting class that it was in, if this driver has it. */
  readonly pool?: string;
  readonly isBlock: boolean;
  /** Present if it is the file of a snapshot, whose `sizeBytes` are those of its volume. */
  readonly snapshot?: { readonly sourceVolumeId: string; readonly createdAt: string };
  /** Why it cannot become a volume; absent if nothing is known against it. */
  readonly obstacle?: string;
}

/** What lies in a directory of a provisioner, in alphabetical order. */
export async function entriesIn(path: string): Promise<{ name: string; isDirectory: boolean }[]> {
  const entries = await withPath(path, (fd) => readdir(`${below(fd)}/.`, { withFileTypes: true }));
  return entries
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * Reads a JSON file of a provisioner.
 * @returns undefined if it does not exist
 * @throws VolumeError precondition: it cannot be understood, and why
 */
export async function readJson<Schema extends z.ZodType>(
  directory: string,
  name: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const path = join(directory, name);
  try {
    return schema.parse(JSON.parse(await readOwnFile(path)));
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw new VolumeError('precondition', `cannot understand ${quote(path)}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return `${issue?.path.join('.') || 'it'}: ${issue?.message}`;
  }
  if (error instanceof NotOwnFileError) return error.message;
  const number = errnoOf(error);
  return number === undefined ? 'it is not JSON' : errnoName(number);
}
