import { join } from 'node:path';
import * as z from 'zod';
import { VolumeError } from '../../model/errors.ts';
import { type Candidate, entriesIn, readJson } from './candidate.ts';

/** Newer versions keep `disk.meta` elsewhere; the image is all that is needed. */
const metadata = z.object({
  deleted_at: z.number().nullish(),
  ready: z.boolean().optional(),
});

/** The volumes of rawfile-localpv: an image in a directory for each, which is named after the PersistentVolume. */
export async function findRawfile(path: string): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const { name, isDirectory } of await entriesIn(path)) {
    const candidate = { path: join(path, name, 'disk.img'), name, isBlock: false };
    const obstacle = isDirectory ? await obstacleIn(join(path, name)) : 'it is not a directory';
    found.push(obstacle === undefined ? candidate : { ...candidate, obstacle });
  }
  return found;
}

async function obstacleIn(directory: string): Promise<string | undefined> {
  if (!(await entriesIn(directory)).some(({ name }) => name === 'disk.img')) return 'there is no image in it';
  try {
    const { deleted_at, ready } = (await readJson(directory, 'disk.meta', metadata)) ?? {};
    if (typeof deleted_at === 'number') return 'the volume was deleted, and its image is still to be removed';
    if (ready === false) return 'its image was never completed';
    return undefined;
  } catch (error) {
    if (error instanceof VolumeError) return error.message;
    throw error;
  }
}
