import { type AccessMode, isReaderOnly, isSingleTarget } from './access-mode.ts';
import { VolumeError } from './errors.ts';
import type { MountFlags } from './mount-flags.ts';

/** How a volume is used (CSI specification, VolumeCapability), parsed. */
export type VolumeCapability = MountCapability | BlockCapability;

export interface MountCapability {
  readonly accessType: 'mount';
  readonly accessMode: AccessMode;
  /** The file system asked for; empty where it does not matter. */
  readonly fsType: string;
  readonly mountFlags: MountFlags;
}

export interface BlockCapability {
  readonly accessType: 'block';
  readonly accessMode: AccessMode;
}

/** What a mount made for this capability must carry, `readonly` of the request taken into account. */
export function requiredMountFlags(capability: MountCapability, readOnlyRequested: boolean): MountFlags {
  const readOnly = readOnlyRequested || capability.mountFlags.readOnly || isReaderOnly(capability.accessMode);
  return { ...capability.mountFlags, readOnly };
}

/**
 * Why a volume cannot have all of these capabilities at once, or undefined when it can. A claim may name several
 * access modes; a single writer excludes every other mode, and a volume is mounted or a block device, not both.
 */
export function contradiction(capabilities: readonly VolumeCapability[]): string | undefined {
  if (new Set(capabilities.map((capability) => capability.accessType)).size > 1) {
    return 'block and mount exclude each other on one volume';
  }
  const modes = new Set(capabilities.map((capability) => capability.accessMode));
  if (modes.size > 1 && [...modes].some(isSingleTarget)) {
    return 'SINGLE_NODE_SINGLE_WRITER excludes every other access mode on one volume';
  }
  return undefined;
}

/**
 * Why directory volumes cannot have this capability, or undefined when they can. A directory has the file system
 * of its pool, whatever fs_type asks for.
 */
export function unsupported(capability: VolumeCapability): string | undefined {
  return capability.accessType === 'block' ? 'block volumes are not supported' : undefined;
}

/** Why no volume can have all of these capabilities, or undefined when one can. */
export function objectionTo(capabilities: readonly VolumeCapability[]): string | undefined {
  return contradiction(capabilities) ?? capabilities.map(unsupported).find((each) => each !== undefined);
}

/** The mount capability of a request on a volume that exists. */
export function asMountCapability(capability: VolumeCapability): MountCapability {
  if (capability.accessType === 'mount') return capability;
  throw new VolumeError(
    'precondition',
    'volume_capability.block: the volume is a mount volume, not a block device',
  );
}
