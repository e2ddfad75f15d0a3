import { prefixed, quote, VolumeError } from '../errors.ts';
import { nameProblem, templateProblem } from '../objects/name-template.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { MutableParameters, Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { copiedVolumeBytes } from '../requests/capacity.ts';
import type { Hold } from '../state/holds.ts';
import { type ContentPlan, chooseContent } from '../volumes/choose-content.ts';
import { makeVolume } from '../volumes/make-volume.ts';
import { checkMutable } from '../volumes/modify-volume.ts';
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
 * Makes a volume of a stream, whole or not at all. If there is one with this name that was made of the same stream, nothing
 * changes.
 * @throws VolumeError already-exists; exhausted; invalid: the stream is not intact, or its volume is not possible here
 */
export async function receiveVolume(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  held: Hold<'volume name'>,
  stream: IncomingStream,
  spec: ReceiveSpec,
): Promise<Received> {
  const { volumes } = parts.catalogue;
  const { item, isNew } = await findOrMake(parts, volumes, held, stream, spec, (place) =>
    make(parts, held.id, stream, place),
  );
  if (!isNew) return acceptExisting(stream, 'volume', item);
  await recordDigest(parts, item, stream.digest());
  return { id: item.id, isOld: false };
}

function make(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  name: string,
  stream: IncomingStream,
  { placement, base }: ReceivePlace,
): Promise<Volume> {
  const { object } = stream;
  const { root, accessModes, sizeBytes } = object;
  const plan = planFor(parts, placement.pool, object);
  return makeVolume(parts, {
    id: newObjectId(name, placement.pool.id),
    name,
    placement,
    plan,
    capacityBytes: copiedVolumeBytes(
      { requiredBytes: 0n, limitBytes: 0n },
      sizeBytes,
      parts.settings.limits.maximumVolumeBytes,
    ),
    contentSource: undefined,
    arrival: arrivalOf(stream, base),
    root,
    accessModes,
    mutable: mutableFor(plan, object.mutable),
    inline: undefined,
    claim: object.claim,
    nameTemplate: templateOf(object, name),
  });
}

function planFor(
  { host }: Parts<'host'>,
  pool: Parameters<typeof chooseContent>[1],
  { content }: IncomingStream['object'],
): ContentPlan {
  const isImage = content.format === 'image';
  const request = {
    backend: isImage ? 'image' : 'directory',
    enforceCapacity: 'auto',
    isBlock: isImage && content.use.accessType === 'block',
    fsType: isImage && content.use.accessType === 'mount' ? content.use.fsType : undefined,
    isThick: isImage ? content.isThick : undefined,
  } as const;
  try {
    return chooseContent(host, pool, request);
  } catch (error) {
    throw error instanceof VolumeError ? prefixed('the stream cannot be received here', error) : error;
  }
}

/** The template for its readable name, which anyone may have written into the stream. */
function templateOf({ nameTemplate, claim }: IncomingStream['object'], name: string): string | undefined {
  if (nameTemplate === undefined) return undefined;
  // The id and the pool are safe names.
  const problem =
    templateProblem(nameTemplate) ?? nameProblem(nameTemplate, { name, claim, id: 'id', pool: 'pool' });
  if (problem === undefined) return nameTemplate;
  throw new VolumeError('invalid', `the stream's nameTemplate ${quote(nameTemplate)} ${problem}`);
}

/** Another kind of pool may have no limit of inodes. */
function mutableFor({ backend }: ContentPlan, mutable: MutableParameters): MutableParameters {
  const possible = backend === 'quota' ? mutable : { ...mutable, inodeLimit: undefined };
  checkMutable(backend, possible);
  return possible;
}

/** By which the same stream is recognised; after a crash in between, it is not, and the volume is there. */
async function recordDigest(
  { catalogue, holds }: Parts<'catalogue' | 'holds'>,
  { id, origin }: Volume,
  digest: string,
): Promise<void> {
  await holds.recording.inTurn(id, async () => {
    const current = catalogue.volumes.findIntact(id);
    if (current && origin) await catalogue.replaceVolume({ ...current, origin: { ...origin, digest } });
  });
}
