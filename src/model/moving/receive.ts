import type { Arrival } from '../copying/arrival.ts';
import { type FoundSource, findSource } from '../copying/find-source.ts';
import { prefixed, quote, VolumeError } from '../errors.ts';
import type { ObjectIndex, RecordedObject } from '../objects/object-index.ts';
import { contentIdOf } from '../objects/snapshot.ts';
import type { Origin } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Hold } from '../state/holds.ts';
import { type Placement, requirePlacements } from '../state/placement.ts';
import type { MovedObject } from './moved-object.ts';

/** The content of a stream. It can be read once. */
export interface IncomingStream {
  readonly object: MovedObject;
  /** As in `ArrivingContent`. */
  readonly write: Arrival['write'];
  /** Reads it to its end. @throws VolumeError invalid: it is not intact */
  readonly skip: () => Promise<void>;
  /** Known once it was read to its end. */
  readonly digest: () => string;
  /** Aborted when no more of it arrives. */
  readonly signal: AbortSignal;
}

/** Where the received object goes. */
export interface ReceiveSpec {
  readonly name: string;
  /** A pool or an accounting class; undefined for the one with the same name as where it was sent. */
  readonly pool: string | undefined;
}

/** Where a stream is received, and the snapshot of this node that it changes. */
export interface ReceivePlace {
  readonly placement: Placement;
  readonly base: FoundSource | undefined;
}

/** What receiving a stream has made. */
export interface Received {
  readonly id: string;
  /** Whether it was there already, with the same content. */
  readonly isOld: boolean;
}

/**
 * Where a stream can be received, and what it changes.
 * @throws VolumeError invalid: there is no such pool; precondition: the snapshot is missing
 */
async function prepareReceiving(
  parts: Parts<'catalogue' | 'host'>,
  { object }: IncomingStream,
  spec: ReceiveSpec,
): Promise<ReceivePlace> {
  const placement = placementFor(parts, spec.pool ?? object.pool);
  const { pool } = placement;
  await pool.checkReachable();
  if (object.content.format === 'btrfs' && pool.abilities.directories.backend !== 'subvolume') {
    const message = `the stream is one of btrfs send, and pool ${quote(pool.name)} is not on btrfs; send it with --format=tar`;
    throw new VolumeError('invalid', message);
  }
  return { placement, base: await baseFor(parts, placement, object) };
}

function placementFor(parts: Parts<'catalogue'>, pool: string): Placement {
  try {
    return requirePlacements(parts.catalogue, [pool])[0];
  } catch (error) {
    throw error instanceof VolumeError ? prefixed('--pool', error) : error;
  }
}

async function baseFor(
  parts: Parts<'catalogue' | 'host'>,
  { pool }: Placement,
  { since, sizeBytes, name, content }: MovedObject,
): Promise<FoundSource | undefined> {
  if (since === undefined) return undefined;
  const known = parts.catalogue.snapshots.all().filter((each) => contentIdOf(each) === since);
  const snapshot = known.find((each) => each.pool === pool.name) ?? known[0];
  if (!snapshot) {
    const message = `the stream has what changed since snapshot ${quote(since)}, which is not on this node; receive that first, or send all of ${quote(name)}`;
    throw new VolumeError('precondition', message);
  }
  const base = await findSource(parts, { kind: 'snapshot', id: snapshot.id });
  const isSuitable =
    content.format === 'image'
      ? base.imageUse !== undefined && base.sizeBytes <= sizeBytes
      : base.original.backend === 'subvolume' && base.pool.name === pool.name;
  if (isSuitable) return base;
  const message = `snapshot ${quote(snapshot.id)} in pool ${quote(snapshot.pool)} is not of the kind that the stream changes`;
  throw new VolumeError('precondition', message);
}

/**
 * The object that a stream is for: the one that has its name, or a new one.
 * @param held the name
 */
export async function findOrMake<Item extends RecordedObject>(
  parts: Parts<'catalogue' | 'host'>,
  index: ObjectIndex<Item>,
  held: Hold<'volume name' | 'snapshot name'>,
  stream: IncomingStream,
  spec: ReceiveSpec,
  make: (place: ReceivePlace) => Promise<Item>,
): Promise<{ item: Item; isNew: boolean }> {
  let isNew = true;
  const item = await parts.catalogue.createOnce(index, held, {
    accept: (found) => {
      isNew = false;
      return found;
    },
    prepare: () => prepareReceiving(parts, stream, spec),
    make,
  });
  return { item, isNew };
}

/** The stream as the first content of an object. */
export function arrivalOf({ object, write, signal }: IncomingStream, base: FoundSource | undefined): Arrival {
  const origin = { kind: object.kind, id: object.contentId, digest: undefined };
  const isSubvolume = object.content.format === 'btrfs';
  return { origin, bytes: object.contentBytes, base, isSubvolume, write, signal };
}

/**
 * Reads a stream for an object that is there already.
 * @throws VolumeError already-exists: it is not
 */
export async function acceptExisting(
  stream: IncomingStream,
  kind: MovedObject['kind'],
  { id, name, origin }: { id: string; name: string | undefined; origin: Origin | undefined },
): Promise<Received> {
  const { object } = stream;
  const isSameObject = origin?.kind === object.kind && origin.id === object.contentId;
  if (isSameObject) await stream.skip();
  // What a snapshot is known by says everything of its content; a volume changes.
  const isSnapshot = kind === 'snapshot' && object.kind === 'snapshot';
  if (isSameObject && (isSnapshot || origin.digest === stream.digest())) return { id, isOld: true };
  const message = `a ${kind} named ${quote(name)} already exists, and was not received from this stream; choose another --name`;
  throw new VolumeError('already-exists', message);
}
