import { checkSnapshotWhole, checkVolumeWhole } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { whyForeign } from '../find/find-object.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { contentIdOf, type Snapshot } from '../objects/snapshot.ts';
import { defaultMutableParameters, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Original } from '../ports/ports.ts';
import type { Hold, HoldMode } from '../state/holds.ts';
import { checkUnmounted } from '../volumes/check-unmounted.ts';
import type { DirectoryFormat, MovedObject } from './moved-object.ts';

/** A volume or snapshot to be sent. */
export interface Sendable {
  readonly object: MovedObject;
  readonly original: Original;
  /** The content of the earlier snapshot; undefined if all content is sent. */
  readonly base: Original | undefined;
}

/** What to send. It is held, so that a volume is not mounted and a snapshot not deleted in the meantime. */
export interface SendRequest {
  readonly volume: Hold<'volume', HoldMode>;
  readonly snapshot: Hold<'snapshot', HoldMode>;
  readonly since: Hold<'snapshot', HoldMode> | undefined;
  /** How a directory is sent. */
  readonly format: DirectoryFormat;
}

/**
 * Finds a volume or snapshot by its id.
 * @throws VolumeError not-found; precondition: the volume is in use; invalid: changes since the snapshot cannot be sent
 */
export async function findSendable(
  parts: Parts<'catalogue' | 'host'>,
  { volume, snapshot, since, format }: SendRequest,
  signal: AbortSignal,
): Promise<Sendable> {
  const { catalogue } = parts;
  const found =
    (await catalogue.find(catalogue.volumes, volume.id)) ??
    (await catalogue.find(catalogue.snapshots, snapshot.id));
  if (!found) {
    const why = whyForeign(catalogue, volume.id) ?? `${quote(volume.id)} does not exist`;
    throw new VolumeError('not-found', `volume or snapshot ${why}`);
  }
  if (encryptionOf(found.content)) {
    const message = `${quote(found.id)} is encrypted, and cannot be sent yet`;
    throw new VolumeError('precondition', message);
  }
  const sent =
    'capacityBytes' in found ? await ofVolume(parts, found, format) : await ofSnapshot(parts, found, format);
  const base = since && (await baseOf(parts, since.id, sent));
  const { backend, path } = sent.original;
  const pool = catalogue.pools.of(found);
  const contentBytes = base ? 0n : await pool.backends[backend].copyBytes(path, signal);
  return {
    object: { ...sent.object, since: base?.contentId, contentBytes },
    original: { ...sent.original, pool: pool.name },
    base: base?.original,
  };
}

type Found = Pick<Sendable, 'original'> & { object: Omit<MovedObject, 'since' | 'contentBytes'> };

async function ofVolume(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  format: DirectoryFormat,
): Promise<Found> {
  const { id, inline, content, capacityBytes, root, accessModes, mutable, claim, nameTemplate, createdAt } =
    volume;
  if (inline)
    throw new VolumeError('precondition', `volume ${quote(id)} belongs to a pod, and is deleted with it`);
  if (content.backend !== 'image' && format === 'btrfs') {
    const message = `--format: btrfs sends snapshots only; take one of volume ${quote(id)} and send that`;
    throw new VolumeError('invalid', message);
  }
  await checkVolumeUnused(parts, volume);
  await checkVolumeWhole(parts, volume);
  return {
    original: { pool: volume.pool, ...(await parts.catalogue.dataOf(volume).original()) },
    object: {
      kind: 'volume',
      contentId: id,
      name: volume.name ?? id,
      pool: volume.capacityClass ?? volume.pool,
      sizeBytes: capacityBytes,
      content:
        content.backend === 'image'
          ? { format: 'image', use: content.use, isThick: content.isThick }
          : { format },
      root,
      accessModes,
      mutable,
      claim,
      nameTemplate,
      volumeId: id,
      createdAt,
    },
  };
}

/** @throws VolumeError precondition: it has writers, or may have */
async function checkVolumeUnused(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  const mounts = await parts.host.mountIndex.verifiedMountsOf(volume.id);
  const data = parts.catalogue.dataOf(volume);
  const device = volume.content.backend === 'image' ? await parts.host.devices.find(data.path) : undefined;
  if (mounts.length > 0 || device) {
    const where = device
      ? `attached to ${device.path}`
      : `mounted at ${mounts.map(({ path }) => path).join(', ')}`;
    const message = `volume ${quote(volume.id)} is ${where}; end the pods that use it, or send a snapshot of it`;
    throw new VolumeError('precondition', message);
  }
  await checkUnmounted(parts.host, `volume ${quote(volume.id)}`, data.directory);
}

async function ofSnapshot(
  parts: Parts<'catalogue' | 'host'>,
  snapshot: Snapshot,
  format: DirectoryFormat,
): Promise<Found> {
  const { id, sourceVolumeId, content, sizeBytes, root, createdAt } = snapshot;
  await checkSnapshotWhole(parts, snapshot);
  const original = { pool: snapshot.pool, ...(await parts.catalogue.dataOfSnapshot(snapshot).original()) };
  if (content.backend !== 'image' && format === 'btrfs' && original.backend !== 'subvolume') {
    const message = `--format: btrfs sends subvolumes only, and snapshot ${quote(id)} is a directory; use tar`;
    throw new VolumeError('invalid', message);
  }
  return {
    original,
    object: {
      kind: 'snapshot',
      contentId: contentIdOf(snapshot),
      name: snapshot.name ?? id,
      pool: snapshot.pool,
      sizeBytes,
      content: content.backend === 'image' ? { format: 'image', use: content.use } : { format },
      root,
      accessModes: ['SINGLE_NODE_WRITER'],
      mutable: defaultMutableParameters,
      claim: undefined,
      nameTemplate: undefined,
      volumeId: sourceVolumeId,
      createdAt,
    },
  };
}

/** @throws VolumeError not-found; invalid: the differences cannot be found exactly */
async function baseOf(parts: Parts<'catalogue' | 'host'>, id: string, { object, original: sent }: Found) {
  const { catalogue } = parts;
  const snapshot = await catalogue.find(catalogue.snapshots, id);
  if (!snapshot) throw new VolumeError('not-found', `--since: snapshot ${quote(id)} does not exist`);
  if (object.content.format === 'tar') {
    const message = `--since: of directories only snapshots on btrfs have changes (--format=btrfs), and ${quote(object.name)} is sent as an archive; send all of it`;
    throw new VolumeError('invalid', message);
  }
  const original = { pool: snapshot.pool, ...(await catalogue.dataOfSnapshot(snapshot).original()) };
  if (original.backend !== sent.backend) {
    const message = `--since: snapshot ${quote(id)} is of another kind than ${quote(object.name)}`;
    throw new VolumeError('invalid', message);
  }
  await checkSnapshotWhole(parts, snapshot);
  if (object.content.format === 'image' && snapshot.sizeBytes > object.sizeBytes) {
    const message = `--since: snapshot ${quote(id)} has ${snapshot.sizeBytes} bytes, more than the ${object.sizeBytes} of ${quote(object.name)}`;
    throw new VolumeError('invalid', message);
  }
  return { contentId: contentIdOf(snapshot), original };
}
