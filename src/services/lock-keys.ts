import type { Model } from '../model/state/model.ts';
import { exclusive, type Lock, shared } from '../rpc/key-locks.ts';

/** The name of a volume, until it is known whether the volume exists. */
export const nameLock = (name: string): Lock => exclusive(`the volume name ${JSON.stringify(name)}`);

/** A volume, for calls that change it as a whole. */
export const volumeLock = (volumeId: string): Lock => exclusive(`volume ${JSON.stringify(volumeId)}`);

/** A volume, for calls that need it unchanged. */
export const volumeShared = (volumeId: string): Lock => shared(`volume ${JSON.stringify(volumeId)}`);

/** The name of a snapshot, until it is known whether the snapshot exists. */
export const snapshotNameLock = (name: string): Lock =>
  exclusive(`the snapshot name ${JSON.stringify(name)}`);

/** A snapshot, for calls that remove it. */
export const snapshotLock = (snapshotId: string): Lock => exclusive(`snapshot ${JSON.stringify(snapshotId)}`);

/** A snapshot, for calls that need it to stay. */
export const snapshotShared = (snapshotId: string): Lock => shared(`snapshot ${JSON.stringify(snapshotId)}`);

/** The name of a group snapshot, until it is known whether the group snapshot exists. */
export const groupNameLock = (name: string): Lock =>
  exclusive(`the group snapshot name ${JSON.stringify(name)}`);

/** A group snapshot, for calls that remove it. */
export const groupLock = (groupId: string): Lock => exclusive(`group snapshot ${JSON.stringify(groupId)}`);

/** A staging or target path, however the request spells it. */
export const pathLock = (model: Model, path: string): Lock =>
  exclusive(`the path ${JSON.stringify(model.paths.canonical(path))}`);
