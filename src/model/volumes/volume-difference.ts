import { quote } from '../errors.ts';
import { isAccessible } from '../objects/topology.ts';
import {
  type ContentSource,
  fsTypeMadeFor,
  isBlock,
  isCapacityEnforced,
  type Volume,
  type VolumeContent,
} from '../objects/volume.ts';
import { fitsRange } from '../requests/capacity.ts';
import { findPlace } from '../space/place.ts';
import type { Model } from '../state/model.ts';
import type { ContentWish } from './choose-content.ts';
import { unitBytesOf } from './content-sizes.ts';
import type { VolumeSpec } from './create-volume.ts';
import { mutableDifference } from './modify-volume.ts';
import { modeObjection } from './objections.ts';

/** How a volume differs from the one that a create asks for; undefined if it is the same. */
export function differenceOf(model: Model, existing: Volume, spec: VolumeSpec): string | undefined {
  const unitBytes = unitBytesOf(model, existing.content);
  if (!fitsRange(existing.capacityBytes, spec.range, unitBytes)) return `${existing.capacityBytes} bytes`;
  const { uid, gid, mode } = existing.root;
  if (uid !== spec.root.uid) return `uid ${uid}`;
  if (gid !== spec.root.gid) return `gid ${gid}`;
  if (mode !== spec.root.mode) return `mode ${mode.toString(8)}`;
  if (model.topology && !isAccessible(spec.requisite, model.topology)) {
    return `topology ${JSON.stringify(model.topology)}`;
  }
  if (!isSameSource(existing.source, spec.source)) return describeSource(existing.source);
  const objection = modeObjection(existing.accessModes, spec.capabilities);
  if (objection) return 'access mode SINGLE_NODE_SINGLE_WRITER';
  const mutable = mutableDifference(existing, spec.mutable);
  if (mutable !== undefined) return mutable;
  return placeDifference(model, existing, spec.pool) ?? contentDifference(existing.content, spec.wish);
}

/** The pool or accounting class of a volume, if it is not the requested one. */
export function placeDifference(
  model: Model,
  { pool, capacityClass }: Volume,
  asked: string | undefined,
): string | undefined {
  if (asked === undefined) return undefined;
  const place = findPlace(model, asked);
  if (place?.pool.name === pool && place.capacityClass === capacityClass) return undefined;
  return `pool ${quote(capacityClass ?? pool)}`;
}

/** How a volume is provided, if that is not as requested. */
export function contentDifference(content: VolumeContent, wish: ContentWish): string | undefined {
  if (isBlock(content) !== wish.isBlock) return `access type ${isBlock(content) ? 'block' : 'mount'}`;
  const isImage = content.backend === 'image';
  if (wish.backend !== 'auto' && (wish.backend === 'image') !== isImage) return `backend ${content.backend}`;
  if (wish.enforceCapacity === 'required' && !isCapacityEnforced(content))
    return 'a capacity that is not enforced';
  if (wish.enforceCapacity === 'strict' && !isImage)
    return `backend ${content.backend}, which its user can overfill`;
  const made = isImage ? fsTypeMadeFor(content.use) : undefined;
  if (wish.fsType !== undefined && isImage && made !== wish.fsType) return `fs_type ${made ?? 'left open'}`;
  return undefined;
}

function isSameSource(one: ContentSource | undefined, other: ContentSource | undefined): boolean {
  return one?.kind === other?.kind && one?.id === other?.id;
}

function describeSource(source: ContentSource | undefined): string {
  return source ? `content of ${source.kind} ${quote(source.id)}` : 'no content source';
}
