import type { FileSystemType, ParsedMountFlags } from './file-system-options.ts';
import { differInDefaults, type RequestedFlags } from './mount-flags.ts';

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

/** The parts of a capability that the flags of a mount do not show. */
export type CapabilityPart = 'capability' | 'accessMode' | 'fsType' | 'mountFlags';

/**
 * The part in which two capabilities differ and that the flags of a mount do not show; undefined if a volume used
 * with one capability can be used with the other. If one leaves the file system open, that is no difference.
 */
export function capabilityDifference(
  one: VolumeCapability,
  other: VolumeCapability,
): CapabilityPart | undefined {
  if (one.accessType !== other.accessType) return 'capability';
  if (one.accessMode !== other.accessMode) return 'accessMode';
  if (one.accessType === 'block' || other.accessType === 'block') return undefined;
  if (one.fsType !== undefined && other.fsType !== undefined && one.fsType !== other.fsType) return 'fsType';
  const hasSameOptions =
    one.seLinuxContext === other.seLinuxContext &&
    isSameSet(one.superblockOptions, other.superblockOptions) &&
    isSameSet(one.fileSystemOptions, other.fileSystemOptions);
  return hasSameOptions && !differInDefaults(one.mountFlags, other.mountFlags) ? undefined : 'mountFlags';
}

/** The access modes of the CSI specification (VolumeCapability.AccessMode.Mode), without UNKNOWN. */
export const accessModes = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'MULTI_NODE_READER_ONLY',
  'MULTI_NODE_SINGLE_WRITER',
  'MULTI_NODE_MULTI_WRITER',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
] as const;

export type AccessMode = (typeof accessModes)[number];

export function isAccessMode(text: string): text is AccessMode {
  return (accessModes as readonly string[]).includes(text);
}

/** Whether the mode allows no writes, so that every publish is read-only. */
function isReaderOnly(mode: AccessMode): boolean {
  return mode === 'SINGLE_NODE_READER_ONLY' || mode === 'MULTI_NODE_READER_ONLY';
}

/**
 * Whether the mode allows only one target path. SINGLE_NODE_WRITER does not say how many writers it means, and COs
 * older than the finer modes publish it for several pods on a node, so it is not limited to one.
 */
export function isSingleTarget(mode: AccessMode): boolean {
  return mode === 'SINGLE_NODE_SINGLE_WRITER';
}

/** Whether two lists have the same elements, regardless of order and repetition. */
export function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const [first, second] = [new Set(one), new Set(other)];
  return first.size === second.size && [...first].every((each) => second.has(each));
}
