import { type Arrival, receiveContent } from '../copying/arrival.ts';
import { copyContent } from '../copying/copy-content.ts';
import type { FoundSource } from '../copying/find-source.ts';
import { inTurn } from '../copying/in-turn.ts';
import { mayShareBlocks } from '../copying/shared-space.ts';
import { creating } from '../copying/track-creation.ts';
import { fullBytesOf } from '../objects/encryption.ts';
import type { ContentSource, Sharing, Volume, VolumeContent } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { withSizeErrors } from '../ports/error-context.ts';
import type { NewContent } from '../ports/ports.ts';
import type { Placement } from '../state/placement.ts';
import { reserveCapacity } from '../state/reserve-capacity.ts';
import { type ContentPlan, isPlannedEnforced } from './choose-content.ts';

/** The properties of a volume that does not exist yet. */
export interface VolumeDraft
  extends Pick<
    Volume,
    'id' | 'name' | 'capacityBytes' | 'root' | 'accessModes' | 'mutable' | 'inline' | 'claim' | 'nameTemplate'
  > {
  readonly placement: Placement;
  readonly plan: ContentPlan;
  /** The source to copy; undefined for an empty volume. */
  readonly contentSource: { readonly origin: ContentSource; readonly found: FoundSource } | undefined;
  /** The stream that it is received from; undefined for any other volume. */
  readonly arrival: Arrival | undefined;
}

/**
 * Creates a volume, whole or not at all: room is reserved before anything is written, and if this rejects nothing is
 * left. The caller has checked that no volume has its id or name, and keeps other calls from creating one.
 * @throws VolumeError exhausted: there is no room for it
 */
export async function makeVolume(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  draft: VolumeDraft,
): Promise<Volume> {
  const { id, placement, plan, capacityBytes, contentSource } = draft;
  const release = await reserveCapacity(parts, placement, {
    bytes: fullBytesOf({ content: plan, capacityBytes }),
    isEnforced: isPlannedEnforced(plan),
  });
  const { pool } = placement;
  const copies = contentSource ? [{ source: contentSource.found, pool, backend: plan.backend }] : [];
  return creating(parts, id, async () => {
    try {
      return await withSizeErrors(() => inTurn(parts, copies, () => build(parts, draft)));
    } catch (error) {
      release();
      throw error;
    }
  });
}

async function build(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  draft: VolumeDraft,
): Promise<Volume> {
  const { placement, plan, contentSource, arrival, ...decided } = draft;
  const { pool, capacityClass } = placement;
  const { id, capacityBytes } = draft;
  const content: VolumeContent =
    plan.backend === 'quota' ? { ...plan, projectId: await pool.reserveProjectId() } : plan;
  const volume: Volume = {
    ...decided,
    pool: pool.name,
    capacityClass,
    content,
    source: contentSource?.origin,
    sharing: sharingOf(draft),
    attachment: undefined,
    origin: arrival?.origin,
    createdAt: parts.now().toISOString(),
    deletion: undefined,
  };
  const backend = pool.backends[content.backend];
  await parts.catalogue.addVolume(volume, newContent());
  return volume;

  function newContent(): NewContent {
    if (arrival) return arriving(arrival);
    return contentSource ? copyOf(contentSource.found) : backend.emptyContent(volume);
  }

  function arriving(received: Arrival): NewContent {
    const target = { id, pool, sizeBytes: capacityBytes, isReserved: isPlannedEnforced(plan) };
    return (directory) =>
      receiveContent(parts, target, received, (source, control) =>
        backend.provisionCopy(directory, volume, source, control),
      );
  }

  function copyOf(source: FoundSource): NewContent {
    const reservedBytes = isPlannedEnforced(plan) ? fullBytesOf(volume) : undefined;
    const copy = { id, source, pool, backend: content.backend, reservedBytes };
    return (directory) =>
      copyContent(parts, copy, (control) =>
        backend.provisionCopy(directory, volume, source.original, control),
      );
  }
}

function sharingOf({ id, placement, capacityBytes, contentSource, arrival }: VolumeDraft): Sharing {
  const source = contentSource?.found ?? arrival?.base;
  if (!source || !mayShareBlocks({ source, pool: placement.pool })) return { lineage: id, sharedBytes: 0n };
  return { lineage: source.lineage, sharedBytes: source.occupiedBytes ?? capacityBytes };
}
