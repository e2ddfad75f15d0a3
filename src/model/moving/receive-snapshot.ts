import { receiveContent } from '../copying/arrival.ts';
import { mayShareBlocks } from '../copying/shared-space.ts';
import { creating } from '../copying/track-creation.ts';
import { VolumeError } from '../errors.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { Snapshot, SnapshotContent } from '../objects/snapshot.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { Hold } from '../state/holds.ts';
import type { MovedContent } from './moved-object.ts';
import {
  acceptExisting,
  arrivalOf,
  findOrMake,
  type IncomingStream,
  type Received,
  type ReceivePlace,
  type ReceiveSpec,
} from './receive.ts';

/**
 * Makes a snapshot of a stream, whole or not at all. If there is one with this name that was made of the same snapshot, nothing
 * changes.
 * @throws VolumeError already-exists; exhausted; invalid: the stream is not intact, or its content is not possible here
 */
export async function receiveSnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  held: Hold<'snapshot name'>,
  stream: IncomingStream,
  spec: ReceiveSpec,
): Promise<Received> {
  const { snapshots } = parts.catalogue;
  const { item, isNew } = await findOrMake(parts, snapshots, held, stream, spec, (place) =>
    make(parts, held.id, stream, place),
  );
  return isNew ? { id: item.id, isOld: false } : acceptExisting(stream, 'snapshot', item);
}

async function make(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  name: string,
  stream: IncomingStream,
  { placement: { pool }, base }: ReceivePlace,
): Promise<Snapshot> {
  const { object } = stream;
  const id = newObjectId(name, pool.id);
  const arrival = arrivalOf(stream, base);
  const { sizeBytes, root, volumeId: sourceVolumeId } = object;
  const snapshot: Snapshot = {
    id,
    name,
    groupId: undefined,
    pool: pool.name,
    sourceVolumeId,
    content: contentIn(pool, object.content),
    sizeBytes,
    occupiedBytes: undefined,
    root,
    lineage: base && mayShareBlocks({ source: base, pool }) ? base.lineage : id,
    origin: arrival.origin,
    createdAt: object.kind === 'snapshot' ? object.createdAt : parts.now().toISOString(),
  };
  const target = { id, pool, sizeBytes, isReserved: false };
  const backend = pool.backends[snapshot.content.backend];
  await creating(parts, id, () =>
    parts.catalogue.addSnapshot(snapshot, (directory) =>
      receiveContent(parts, target, arrival, (source, control) =>
        backend.snapshot(directory, source, control),
      ),
    ),
  );
  return snapshot;
}

function contentIn({ name, abilities }: Pool, content: MovedContent): SnapshotContent {
  if (content.format !== 'image') {
    const { backend } = abilities.directories;
    return { backend: backend === 'subvolume' ? 'subvolume' : 'directory' };
  }
  if (abilities.hasImages) return { backend: 'image', use: content.use };
  throw new VolumeError('invalid', `pool "${name}" cannot hold images: no loop devices on this node`);
}
