import { join } from 'node:path';
import { type Candidate, entriesIn } from './candidate.ts';

const DIRECTORY = /^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The volumes of OpenEBS Local PV Hostpath: a directory for each, named after its PersistentVolume. */
export async function findOpenebs(path: string): Promise<Candidate[]> {
  return (await entriesIn(path)).map(({ name, isDirectory }) => {
    const found = { path: join(path, name), name, isBlock: false };
    if (!isDirectory) return { ...found, obstacle: 'it is not a directory' };
    if (!DIRECTORY.test(name))
      return { ...found, obstacle: 'its name is not pvc- and a UUID; if it is a volume, use adopt' };
    return found;
  });
}
