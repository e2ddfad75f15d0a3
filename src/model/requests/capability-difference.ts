import type { VolumeCapability } from './capability.ts';
import { differInDefaults } from './mount-flags.ts';
import { isSameSet } from './same-set.ts';

/** What two capabilities can differ in that the flags of a mount do not show. */
export type CapabilityPart = 'capability' | 'accessMode' | 'fsType' | 'mountFlags';

/**
 * In what two capabilities differ that the flags of a mount do not show; undefined where a volume that is used by one is
 * used by the other as well. A file system that one of them leaves open is no difference.
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
