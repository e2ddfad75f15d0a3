import { type AccessMode, isReaderOnly, isSingleTarget } from './access-mode.ts';
import { VolumeError } from './errors.ts';
import type { ParsedMountFlags } from './file-system-options.ts';
import type { FileSystemType } from './file-system-type.ts';
import type { MountFlags } from './mount-flags.ts';
import { isBlock, type Volume } from './volume.ts';

/** How a volume is used (CSI specification, VolumeCapability), parsed. */
export type VolumeCapability = MountCapability | BlockCapability;

export interface MountCapability extends ParsedMountFlags {
  readonly accessType: 'mount';
  readonly accessMode: AccessMode;
  /** The file system asked for; undefined where it does not matter. */
  readonly fsType: FileSystemType | undefined;
}

export interface BlockCapability {
  readonly accessType: 'block';
  readonly accessMode: AccessMode;
}

/** What a mount made for this capability must carry, `readonly` of the request taken into account. */
export function requiredMountFlags(capability: MountCapability, readOnlyRequested: boolean): MountFlags {
  return {
    ...capability.mountFlags,
    readOnly: capability.mountFlags.readOnly || isReadOnly(capability, readOnlyRequested),
  };
}

/** Whether nobody may write through a publish. */
export function isReadOnly(capability: VolumeCapability, readOnlyRequested: boolean): boolean {
  return readOnlyRequested || isReaderOnly(capability.accessMode);
}

/**
 * Why a volume cannot have all of these capabilities at once, or undefined when it can. A claim may name several
 * access modes; a single writer excludes every other mode, and a volume is mounted or a block device, not both.
 */
export function contradiction(capabilities: readonly VolumeCapability[]): string | undefined {
  if (new Set(capabilities.map((capability) => capability.accessType)).size > 1) {
    return 'block and mount exclude each other on one volume';
  }
  const fsTypes = new Set(capabilities.flatMap((capability) => fsTypeOf(capability) ?? []));
  if (fsTypes.size > 1) return `a volume has one file system, not ${[...fsTypes].join(' and ')}`;
  const modes = new Set(capabilities.map((capability) => capability.accessMode));
  if (modes.size > 1 && [...modes].some(isSingleTarget)) {
    return 'SINGLE_NODE_SINGLE_WRITER excludes every other access mode on one volume';
  }
  return undefined;
}

/** The file system a capability asks for. */
export function fsTypeOf(capability: VolumeCapability): FileSystemType | undefined {
  return capability.accessType === 'mount' ? capability.fsType : undefined;
}

/**
 * Why a volume that exists cannot have this capability, or undefined when it can. A directory has the file system of
 * its pool, whatever fs_type asks for.
 */
export function unsuitable({ content }: Volume, capability: VolumeCapability): string | undefined {
  if (capability.accessType === 'block') {
    return isBlock(content) ? undefined : 'the volume is a mount volume, not a block device';
  }
  if (isBlock(content)) return 'the volume is a block device, not a mount volume';
  if (content.backend !== 'image') return optionsObjection(capability);
  const made = content.use.accessType === 'mount' ? content.use.fsType : undefined;
  if (made === undefined || capability.fsType === undefined || made === capability.fsType) return undefined;
  return `the volume was made for fs_type ${made}, not ${capability.fsType}`;
}

/** What only volumes with a file system of their own can have. */
function optionsObjection({ fileSystemOptions }: MountCapability): string | undefined {
  if (fileSystemOptions.length === 0) return undefined;
  return `the mount flag ${fileSystemOptions[0]} belongs to a whole file system, and the volume is a directory in one`;
}

/** @throws VolumeError precondition: the volume cannot be used like this (CSI specification, "Exceeds capabilities") */
export function checkSuitable(volume: Volume, capability: VolumeCapability): void {
  const why = unsuitable(volume, capability);
  if (why !== undefined) throw new VolumeError('precondition', `volume_capability: ${why}`);
}
