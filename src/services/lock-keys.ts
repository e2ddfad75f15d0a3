import { exclusive, type Lock, shared } from '../rpc/key-locks.ts';
import type { Model } from '../volume/model.ts';

/** The name of a volume, while it is not known whether there is one. */
export const nameLock = (name: string): Lock => exclusive(`the volume name ${JSON.stringify(name)}`);

/** A volume, for those who change it as a whole. */
export const volumeLock = (volumeId: string): Lock => exclusive(`volume ${JSON.stringify(volumeId)}`);

/** A volume, for those who need it to stay as it is. */
export const volumeShared = (volumeId: string): Lock => shared(`volume ${JSON.stringify(volumeId)}`);

/** A staging or target path, however the request spells it. */
export const pathLock = (model: Model, path: string): Lock =>
  exclusive(`the path ${JSON.stringify(model.paths.canonical(path))}`);
