import { type AccessMode, isReaderOnly } from './access-mode.ts';
import type { ParsedMountFlags } from './file-system-options.ts';
import type { FileSystemType } from './file-system-type.ts';
import type { RequestedFlags } from './mount-flags.ts';

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
export function requiredMountFlags(capability: MountCapability, readOnlyRequested: boolean): RequestedFlags {
  return {
    ...capability.mountFlags,
    readOnly: capability.mountFlags.readOnly || isReadOnly(capability, readOnlyRequested),
  };
}

/** Whether nobody may write through a publish. */
export function isReadOnly(capability: VolumeCapability, readOnlyRequested: boolean): boolean {
  return readOnlyRequested || isReaderOnly(capability.accessMode);
}

/** The file system a capability asks for. */
export function fsTypeOf(capability: VolumeCapability): FileSystemType | undefined {
  return capability.accessType === 'mount' ? capability.fsType : undefined;
}
