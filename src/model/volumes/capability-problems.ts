import { type Subject, VolumeError, type VolumeErrorKind } from '../errors.ts';
import { type BackendKind, type ImageUse, intendedFsType } from '../objects/volume.ts';
import {
  type AccessMode,
  fsTypeOf,
  isSingleTarget,
  type MountCapability,
  type VolumeCapability,
} from '../requests/capability.ts';
import { defaultFileSystemType, optionProblem } from '../requests/file-system-options.ts';
import { mountFlagNames } from '../requests/mount-flags.ts';

/**
 * Whether a volume can be used in some way. CreateVolume, GetCapacity and ValidateVolumeCapabilities check a planned
 * or existing volume, and staging and publishing check it before they mount: so every created volume can be staged.
 */

/** Why a capability is not supported. */
export interface CapabilityProblem {
  readonly about: Subject;
  readonly message: string;
}

/** How a volume is provided, or will be. */
export type Provisioning =
  | { readonly backend: Exclude<BackendKind, 'image'> }
  | { readonly backend: 'image'; readonly use: ImageUse };

/**
 * Why a volume cannot have all of these capabilities at once; undefined if it can. A claim may name several access
 * modes; a single writer excludes every other mode, and a volume is either mounted or a block device.
 */
export function capabilityConflict(capabilities: readonly VolumeCapability[]): CapabilityProblem | undefined {
  if (new Set(capabilities.map((capability) => capability.accessType)).size > 1) {
    return { about: 'capability', message: 'a volume cannot be both a block and a mount volume' };
  }
  const fsTypes = new Set(capabilities.flatMap((capability) => fsTypeOf(capability) ?? []));
  if (fsTypes.size > 1) {
    return {
      about: 'fsType',
      message: `a volume can have only one file system, not ${[...fsTypes].join(' and ')}`,
    };
  }
  const modes = new Set(capabilities.map((capability) => capability.accessMode));
  if (modes.size > 1 && [...modes].some(isSingleTarget)) {
    const message = 'SINGLE_NODE_SINGLE_WRITER cannot be combined with other access modes';
    return { about: 'accessMode', message };
  }
  return undefined;
}

/** Why a volume that is provided like this does not support a capability; undefined if it does. */
export function capabilityProblem(
  provisioning: Provisioning,
  capability: VolumeCapability,
): CapabilityProblem | undefined {
  const isBlock = provisioning.backend === 'image' && provisioning.use.accessType === 'block';
  if (isBlock !== (capability.accessType === 'block')) {
    const message = isBlock
      ? 'the volume is a block volume, not a mount volume'
      : 'the volume is a mount volume, not a block volume';
    return { about: 'capability', message };
  }
  if (capability.accessType === 'block') return undefined;
  return provisioning.backend === 'image'
    ? fileSystemProblem(provisioning.use, capability)
    : directoryProblem(capability);
}

/** The same for several capabilities, which must also be compatible with each other. */
export function capabilitiesProblem(
  provisioning: Provisioning,
  capabilities: readonly VolumeCapability[],
): CapabilityProblem | undefined {
  const problems = capabilities.map((capability) => capabilityProblem(provisioning, capability));
  return capabilityConflict(capabilities) ?? problems.find((each) => each !== undefined);
}

/**
 * Why a volume created for some access modes does not support others: one created for a single writer has one target,
 * which other modes do not expect.
 */
export function accessModeProblem(
  made: readonly AccessMode[],
  requested: readonly VolumeCapability[],
): CapabilityProblem | undefined {
  const other = requested.find(({ accessMode }) => !isSingleTarget(accessMode));
  if (!other || !made.some(isSingleTarget)) return undefined;
  const message = `the volume was created for SINGLE_NODE_SINGLE_WRITER, not for ${other.accessMode}`;
  return { about: 'accessMode', message };
}

/** Turns a problem into an error. */
export function capabilityError({ about, message }: CapabilityProblem, kind: VolumeErrorKind): VolumeError {
  return new VolumeError(kind, message, { about });
}

/** A directory has the file system of its pool, whatever fs_type says, and its options cannot be changed. */
function directoryProblem({ fileSystemOptions: [option] }: MountCapability): CapabilityProblem | undefined {
  if (option === undefined) return undefined;
  const message = `"${option}" requires an image volume; a directory supports ${mountFlagNames.join(', ')}`;
  return { about: 'mountFlags', message };
}

function fileSystemProblem(
  use: ImageUse,
  { fsType: requested, fileSystemOptions }: MountCapability,
): CapabilityProblem | undefined {
  const made = intendedFsType(use);
  if (made !== undefined && requested !== undefined && made !== requested) {
    return { about: 'fsType', message: `the file system of the volume is ${made}, not ${requested}` };
  }
  const message = optionProblem(requested ?? made ?? defaultFileSystemType, fileSystemOptions);
  return message === undefined ? undefined : { about: 'mountFlags', message };
}
