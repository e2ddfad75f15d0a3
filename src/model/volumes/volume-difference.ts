import { quote } from '../errors.ts';
import { type Encryption, encryptionOf } from '../objects/encryption.ts';
import { isAccessible } from '../objects/topology.ts';
import {
  type ContentSource,
  intendedFsType,
  isBlock,
  isCapacityEnforced,
  isThick,
  mountedImageUse,
  subvolumeAttributes,
  type Volume,
  type VolumeContent,
} from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { fitsRange } from '../requests/capacity.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { findPlacement } from '../state/placement.ts';
import { accessModeProblem } from './capability-problems.ts';
import type { ContentRequest } from './choose-content.ts';
import { unitBytesOf } from './content-sizes.ts';
import type { VolumeSpec } from './create-volume.ts';
import { mutableDifference } from './modify-volume.ts';

/** What a create asks for; the source need not be held to be compared. */
type Requested = Omit<VolumeSpec, 'source'> & { readonly source: ContentSource | undefined };

/** How a volume differs from the one that a create asks for; undefined if it is the same. */
export function differenceOf(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  existing: Volume,
  spec: Requested,
): string | undefined {
  const unitBytes = unitBytesOf(parts.host, existing.content);
  if (!fitsRange(existing.capacityBytes, spec.range, unitBytes)) return `${existing.capacityBytes} bytes`;
  const { uid, gid, mode } = existing.root;
  if (uid !== spec.root.uid) return `uid ${uid}`;
  if (gid !== spec.root.gid) return `gid ${gid}`;
  if (mode !== spec.root.mode) return `mode ${mode.toString(8)}`;
  if (parts.settings.topology && !isAccessible(spec.requisite, parts.settings.topology)) {
    return `topology ${JSON.stringify(parts.settings.topology)}`;
  }
  if (!isSameSource(existing.source, spec.source)) return describeSource(existing.source);
  const problem = accessModeProblem(existing.accessModes, spec.capabilities);
  if (problem) return 'access mode SINGLE_NODE_SINGLE_WRITER';
  const mutable = mutableDifference(existing, spec.mutable);
  if (mutable !== undefined) return mutable;
  if (existing.nameTemplate !== spec.nameTemplate) return templateDifference(existing.nameTemplate);
  return (
    placementDifference(parts.catalogue, existing, spec.pools) ??
    contentDifference(existing.content, spec.contentRequest)
  );
}

/** The pool or accounting class of a volume, if it is not one of the requested ones. */
export function placementDifference(
  catalogue: Catalogue,
  { pool, capacityClass }: Volume,
  requested: readonly string[],
): string | undefined {
  const isThere = (name: string) => {
    const placement = findPlacement(catalogue, name);
    return placement?.pool.name === pool && placement.capacityClass === capacityClass;
  };
  if (requested.length === 0 || requested.some(isThere)) return undefined;
  return `pool ${quote(capacityClass ?? pool)}`;
}

/** How a volume is provided, if that is not as requested. */
export function contentDifference(
  content: VolumeContent,
  contentRequest: ContentRequest,
): string | undefined {
  if (isBlock(content) !== contentRequest.isBlock)
    return `access type ${isBlock(content) ? 'block' : 'mount'}`;
  const isImage = content.backend === 'image';
  if (contentRequest.backend !== 'auto' && (contentRequest.backend === 'image') !== isImage)
    return `backend ${content.backend}`;
  if (contentRequest.enforceCapacity === 'required' && !isCapacityEnforced(content))
    return 'an unenforced capacity';
  if (contentRequest.enforceCapacity === 'strict' && !isImage)
    return `backend ${content.backend}, which cannot enforce a strict capacity`;
  const made = isImage ? intendedFsType(content.use) : undefined;
  if (contentRequest.fsType !== undefined && isImage && made !== contentRequest.fsType)
    return `fs_type ${made ?? 'unset'}`;
  if (isImage && isThick(content) !== (contentRequest.isThick ?? false))
    return `provisioning ${isThick(content) ? 'thick' : 'thin'}`;
  const { compression, noDataCow } = subvolumeAttributes(content) ?? {};
  if (compression !== contentRequest.attributes?.compression) return `compression ${compression ?? 'unset'}`;
  if (noDataCow !== contentRequest.attributes?.noDataCow) return `nodatacow ${noDataCow ?? false}`;
  const encryption = encryptionOf(content);
  if (isImage && describeEncryption(encryption) !== describeEncryption(contentRequest.encryption))
    return `encryption ${describeEncryption(encryption)}`;
  const use = mountedImageUse(content);
  if (use && use.mkfsOptions !== contentRequest.mkfsOptions)
    return use.mkfsOptions === undefined ? 'no mkfsOptions' : `mkfsOptions ${quote(use.mkfsOptions)}`;
  if (use && use.fsckMode !== contentRequest.fsckMode) return `fsckMode ${use.fsckMode ?? 'auto'}`;
  return undefined;
}

function describeEncryption(encryption: Encryption | undefined): string {
  if (!encryption) return 'none';
  return `${encryption.format} with discards ${encryption.discards ? 'allowed' : 'denied'}`;
}

function templateDifference(template: string | undefined): string {
  return template === undefined ? 'no nameTemplate' : `nameTemplate ${quote(template)}`;
}

function isSameSource(one: ContentSource | undefined, other: ContentSource | undefined): boolean {
  return one?.kind === other?.kind && one?.id === other?.id;
}

function describeSource(source: ContentSource | undefined): string {
  return source ? `content source ${source.kind} ${quote(source.id)}` : 'no content source';
}
