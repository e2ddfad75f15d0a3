import { join } from 'node:path';
import { type Candidate, entriesIn } from './candidate.ts';

/** The name of a PersistentVolume, the namespace of its claim, and the name of that: neither can contain an underscore. */
const DIRECTORY = /^([a-z0-9][a-z0-9.-]*)_([a-z0-9][a-z0-9-]*)_([a-z0-9][a-z0-9.-]*)$/;

/** The volumes of local-path-provisioner: a directory for each, named after the volume and its claim. */
export async function findLocalPath(path: string): Promise<Candidate[]> {
  return (await entriesIn(path)).map(({ name: entry, isDirectory }) => {
    const [, name = entry, namespace = '', claim = ''] = DIRECTORY.exec(entry) ?? [];
    const found = { path: join(path, entry), name, isBlock: false };
    if (!isDirectory) return { ...found, obstacle: 'it is not a directory' };
    if (claim === '')
      return { ...found, obstacle: 'its name is not VOLUME_NAMESPACE_CLAIM; if it is a volume, use adopt' };
    return { ...found, claim: { namespace, name: claim } };
  });
}
