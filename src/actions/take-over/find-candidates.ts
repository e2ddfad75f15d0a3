import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import { isBlock } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import { isWithin } from '../../model/requests/mount-paths.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import type { Action } from '../action.ts';
import { sourcePath } from '../adopt/source-path.ts';
import type { Candidate } from './candidate.ts';
import { findLocalPath } from './local-path.ts';
import { findOpenebs } from './openebs.ts';
import { provisioners } from './provisioners.ts';
import { findRawfile } from './rawfile.ts';
import { findReference } from './reference.ts';

const input = z.object({ from: z.enum(provisioners), path: z.string() });

/** Finds the volumes of another provisioner in its directory, and changes nothing. */
export const findCandidates: Action<z.output<typeof input>, Candidate[]> = {
  input,
  run: async ({ from, path: text }, { model }) => {
    const path = sourcePath(text);
    await checkDirectory(model, path);
    return withFinished(await find(from, path, model.catalogue), path, model.catalogue);
  },
};

async function find(
  from: (typeof provisioners)[number],
  path: string,
  catalogue: Catalogue,
): Promise<Candidate[]> {
  switch (from) {
    case 'local-path':
      return findLocalPath(path);
    case 'openebs':
      return findOpenebs(path);
    case 'rawfile':
      return findRawfile(path);
    case 'reference':
      return findReference(path, catalogue);
  }
}

/** With what was taken over before: most of it is not in the directory any more. */
function withFinished(found: readonly Candidate[], path: string, catalogue: Catalogue): Candidate[] {
  const byPath = new Map(found.map((candidate) => [candidate.path, candidate]));
  for (const { name, adoptedFrom, content } of catalogue.volumes.all()) {
    if (name === undefined || !adoptedFrom || !isWithin(adoptedFrom.path, path)) continue;
    const known = byPath.get(adoptedFrom.path);
    if (known && known.obstacle === undefined) continue;
    byPath.set(adoptedFrom.path, { path: adoptedFrom.path, name, isBlock: isBlock(content) });
  }
  return [...byPath.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** @throws VolumeError invalid: it is not a directory, or reached through a symbolic link */
async function checkDirectory({ host }: Parts<'host'>, path: string): Promise<void> {
  const { kind } = await host.paths.inspect(path);
  if (kind === 'directory' || kind === 'mounted') return;
  if (kind === 'absent') throw new VolumeError('not-found', `${quote(path)} does not exist`);
  throw new VolumeError('invalid', `${quote(path)} is not a directory`);
}
