import { type AccessMode, isReaderOnly } from './access-mode.ts';
import type { ParsedMountFlags } from './file-system-options.ts';
import type { FileSystemType } from './file-system-type.ts';
import type { RequestedFlags } from './mount-flags.ts';

/** How a volume is used (CSI specification, VolumeCapability), parsed. */
export type VolumeCapability = MountCapability | BlockCapability;

export interface MountCapability extends ParsedMountFlags {
  readonly accessType: 'mount';
  readonly accessMode: AccessMode;
  /** The requested file system; undefined if any will do. */
  readonly fsType: FileSystemType | undefined;
}

export interface BlockCapability {
  readonly accessType: 'block';
  readonly accessMode: AccessMode;
}

/** The flags that a mount for this capability must have, including `readonly` of the request. */
export function requiredMountFlags(capability: MountCapability, readOnlyRequested: boolean): RequestedFlags {
  return {
    ...capability.mountFlags,
    readOnly: capability.mountFlags.readOnly || isReadOnly(capability, readOnlyRequested),
  };
}

/** Whether a publish is read-only. */
export function isReadOnly(capability: VolumeCapability, readOnlyRequested: boolean): boolean {
  return readOnlyRequested || isReaderOnly(capability.accessMode);
}

/** The file system that a capability requests. */
export function fsTypeOf(capability: VolumeCapability): FileSystemType | undefined {
  return capability.accessType === 'mount' ? capability.fsType : undefined;
}
