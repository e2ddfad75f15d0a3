import { copyContent } from '../copying/copy-content.ts';
import type { FoundSource } from '../copying/find-source.ts';
import { mayShareBlocks } from '../copying/shared-space.ts';
import type { ContentSource, Sharing, Volume, VolumeContent } from '../objects/volume.ts';
import { ofThisSize } from '../ports/naming-pool.ts';
import type { Place } from '../space/place.ts';
import { claimRoom } from '../space/room.ts';
import type { Model } from '../state/model.ts';
import { type ContentPlan, isPlannedEnforced } from './choose-content.ts';

/** The properties of a volume that does not exist yet. */
export interface VolumeDraft
  extends Pick<Volume, 'id' | 'name' | 'capacityBytes' | 'root' | 'accessModes' | 'mutable' | 'inline'> {
  readonly place: Place;
  readonly plan: ContentPlan;
  /** The source to copy; undefined for an empty volume. */
  readonly contentSource: { readonly origin: ContentSource; readonly found: FoundSource } | undefined;
}

/**
 * Creates a volume, whole or not at all: room is reserved before anything is written, and if this rejects nothing is
 * left. The caller has checked that no volume has its id or name, and keeps other calls from creating one.
 * @throws VolumeError exhausted: there is no room for it
 */
export async function makeVolume(model: Model, draft: VolumeDraft): Promise<Volume> {
  const { id, place, plan, capacityBytes } = draft;
  const release = await claimRoom(model, place, {
    bytes: capacityBytes,
    isEnforced: isPlannedEnforced(plan),
  });
  return model.copies.making(id, async () => {
    try {
      const volume = await ofThisSize(() => build(model, draft));
      model.volumes.add(volume);
      return volume;
    } catch (error) {
      release();
      throw error;
    } finally {
      model.sharing.end(id);
    }
  });
}

async function build(model: Model, draft: VolumeDraft): Promise<Volume> {
  const { place, plan, contentSource, ...decided } = draft;
  const { pool, capacityClass } = place;
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
    createdAt: model.now().toISOString(),
  };
  const backend = pool.backends[content.backend];
  await pool.records.volumes.add(volume, (directory) => {
    if (!contentSource) return backend.provision(directory, volume);
    const { found: source } = contentSource;
    const reservedBytes = isPlannedEnforced(plan) ? capacityBytes : undefined;
    const copy = { id, source, pool, backend: content.backend, reservedBytes };
    return copyContent(model, copy, (control) =>
      backend.provisionCopy(directory, volume, source.original, control),
    );
  });
  return volume;
}

function sharingOf({ id, place, capacityBytes, contentSource }: VolumeDraft): Sharing {
  const source = contentSource?.found;
  if (!source || !mayShareBlocks({ source, pool: place.pool })) return { lineage: id, sharedBytes: 0n };
  return { lineage: source.lineage, sharedBytes: source.occupiedBytes ?? capacityBytes };
}
