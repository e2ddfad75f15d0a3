import { type Subject, VolumeError, type VolumeErrorKind } from '../errors.ts';
import { type BackendKind, fsTypeMadeFor, type ImageUse } from '../objects/volume.ts';
import { type AccessMode, isSingleTarget } from '../requests/access-mode.ts';
import { fsTypeOf, type MountCapability, type VolumeCapability } from '../requests/capability.ts';
import { optionObjection } from '../requests/file-system-options.ts';
import { defaultFileSystemType } from '../requests/file-system-type.ts';
import { mountFlagNames } from '../requests/mount-flags.ts';

/**
 * Whether a volume can be used in some way. CreateVolume, GetCapacity and ValidateVolumeCapabilities check a planned
 * or existing volume, and staging and publishing check it before they mount: so every created volume can be staged.
 */

/** Why a capability is not supported. */
export interface Objection {
  readonly about: Subject;
  readonly message: string;
}

/** How a volume is provided, or will be. */
export type Provision =
  | { readonly backend: Exclude<BackendKind, 'image'> }
  | { readonly backend: 'image'; readonly use: ImageUse };

/**
 * Why a volume cannot have all of these capabilities at once; undefined if it can. A claim may name several access
 * modes; a single writer excludes every other mode, and a volume is either mounted or a block device.
 */
export function contradiction(capabilities: readonly VolumeCapability[]): Objection | undefined {
  if (new Set(capabilities.map((capability) => capability.accessType)).size > 1) {
    return { about: 'capability', message: 'block and mount exclude each other on one volume' };
  }
  const fsTypes = new Set(capabilities.flatMap((capability) => fsTypeOf(capability) ?? []));
  if (fsTypes.size > 1) {
    return { about: 'fsType', message: `a volume has one file system, not ${[...fsTypes].join(' and ')}` };
  }
  const modes = new Set(capabilities.map((capability) => capability.accessMode));
  if (modes.size > 1 && [...modes].some(isSingleTarget)) {
    const message = 'SINGLE_NODE_SINGLE_WRITER excludes every other access mode on one volume';
    return { about: 'accessMode', message };
  }
  return undefined;
}

/** Why a volume that is provided like this does not support a capability; undefined if it does. */
export function unsuitable(provision: Provision, capability: VolumeCapability): Objection | undefined {
  const isBlock = provision.backend === 'image' && provision.use.accessType === 'block';
  if (isBlock !== (capability.accessType === 'block')) {
    const message = isBlock
      ? 'the volume is a block device, not a mount volume'
      : 'the volume is a mount volume, not a block device';
    return { about: 'capability', message };
  }
  if (capability.accessType === 'block') return undefined;
  return provision.backend === 'image'
    ? fileSystemObjection(provision.use, capability)
    : directoryObjection(capability);
}

/** The same for several capabilities, which must also be compatible with each other. */
export function unsuitableFor(
  provision: Provision,
  capabilities: readonly VolumeCapability[],
): Objection | undefined {
  const objections = capabilities.map((capability) => unsuitable(provision, capability));
  return contradiction(capabilities) ?? objections.find((each) => each !== undefined);
}

/**
 * Why a volume created for some access modes does not support others: one created for a single writer has one target,
 * which other modes do not expect.
 */
export function modeObjection(
  made: readonly AccessMode[],
  asked: readonly VolumeCapability[],
): Objection | undefined {
  const other = asked.find(({ accessMode }) => !isSingleTarget(accessMode));
  if (!other || !made.some(isSingleTarget)) return undefined;
  const message = `the volume was made for SINGLE_NODE_SINGLE_WRITER, and ${other.accessMode} may need a second target`;
  return { about: 'accessMode', message };
}

/** Turns an objection into an error. */
export function objectionError({ about, message }: Objection, kind: VolumeErrorKind): VolumeError {
  return new VolumeError(kind, message, { about });
}

/** A directory has the file system of its pool, whatever fs_type says, and its options cannot be changed. */
function directoryObjection({ fileSystemOptions: [option] }: MountCapability): Objection | undefined {
  if (option === undefined) return undefined;
  const message = `"${option}" is an option of a whole file system, which an image can have; a directory can have ${mountFlagNames.join(', ')}`;
  return { about: 'mountFlags', message };
}

function fileSystemObjection(
  use: ImageUse,
  { fsType: asked, fileSystemOptions }: MountCapability,
): Objection | undefined {
  const made = fsTypeMadeFor(use);
  if (made !== undefined && asked !== undefined && made !== asked) {
    return { about: 'fsType', message: `the volume has ${made}, not ${asked}` };
  }
  const message = optionObjection(asked ?? made ?? defaultFileSystemType, fileSystemOptions);
  return message === undefined ? undefined : { about: 'mountFlags', message };
}
