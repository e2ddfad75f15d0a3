import { checkSnapshotWhole, checkVolumeWhole } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { whyForeign } from '../find/find-object.ts';
import { contentIdOf, type Snapshot } from '../objects/snapshot.ts';
import { defaultMutableParameters, type ImageUse, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Original } from '../ports/ports.ts';
import type { Hold, HoldMode } from '../state/holds.ts';
import { checkUnmounted } from '../volumes/check-unmounted.ts';
import type { MovedContent, MovedObject } from './moved-object.ts';

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
}

/**
 * Finds a volume or snapshot by its id.
 * @throws VolumeError not-found; precondition: the volume is in use; invalid: changes since the snapshot cannot be sent
 */
export async function findSendable(
  parts: Parts<'catalogue' | 'host'>,
  { volume, snapshot, since }: SendRequest,
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
  const sent = 'capacityBytes' in found ? await ofVolume(parts, found) : await ofSnapshot(parts, found);
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

async function ofVolume(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<Found> {
  const { id, inline, content, capacityBytes, root, accessModes, mutable, claim, createdAt } = volume;
  if (inline)
    throw new VolumeError('precondition', `volume ${quote(id)} belongs to a pod, and is deleted with it`);
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
      content: movedContent(content.backend === 'image' ? content.use : undefined),
      root,
      accessModes,
      mutable,
      claim,
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

async function ofSnapshot(parts: Parts<'catalogue' | 'host'>, snapshot: Snapshot): Promise<Found> {
  const { id, sourceVolumeId, content, sizeBytes, root, createdAt } = snapshot;
  await checkSnapshotWhole(parts, snapshot);
  return {
    original: { pool: snapshot.pool, ...(await parts.catalogue.dataOfSnapshot(snapshot).original()) },
    object: {
      kind: 'snapshot',
      contentId: contentIdOf(snapshot),
      name: snapshot.name ?? id,
      pool: snapshot.pool,
      sizeBytes,
      content: movedContent(content.backend === 'image' ? content.use : undefined),
      root,
      accessModes: ['SINGLE_NODE_WRITER'],
      mutable: defaultMutableParameters,
      claim: undefined,
      volumeId: sourceVolumeId,
      createdAt,
    },
  };
}

function movedContent(use: ImageUse | undefined): MovedContent {
  return use ? { format: 'image', use } : { format: 'tar' };
}

/** @throws VolumeError not-found; invalid: the differences cannot be found exactly */
async function baseOf(parts: Parts<'catalogue' | 'host'>, id: string, { object }: Found) {
  const { catalogue } = parts;
  const snapshot = await catalogue.find(catalogue.snapshots, id);
  if (!snapshot) throw new VolumeError('not-found', `--since: snapshot ${quote(id)} does not exist`);
  if (object.content.format !== 'image' || snapshot.content.backend !== 'image') {
    const message = `--since: changes are only found between images, and ${quote(object.name)} is a directory; send all of it`;
    throw new VolumeError('invalid', message);
  }
  await checkSnapshotWhole(parts, snapshot);
  if (snapshot.sizeBytes > object.sizeBytes) {
    const message = `--since: snapshot ${quote(id)} has ${snapshot.sizeBytes} bytes, more than the ${object.sizeBytes} of ${quote(object.name)}`;
    throw new VolumeError('invalid', message);
  }
  const original = { pool: snapshot.pool, ...(await catalogue.dataOfSnapshot(snapshot).original()) };
  return { contentId: contentIdOf(snapshot), original };
}
