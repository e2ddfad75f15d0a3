import type { VolumeCapability } from './capability.ts';
import { differInDefaults } from './mount-flags.ts';
import { isSameSet } from './same-set.ts';

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
    isSameSet(one.superblockOptions, other.superblockOptions) &&
    isSameSet(one.fileSystemOptions, other.fileSystemOptions);
  return hasSameOptions && !differInDefaults(one.mountFlags, other.mountFlags) ? undefined : 'mountFlags';
}
