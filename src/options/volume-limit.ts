const largestRandomLimit = 10;

/**
 * The maximum number of volumes on this node; 0 means no limit. `attachLimit` is the newer name of the flag and wins
 * unless it is 0; -1 means a random limit from 1 to 10, for testing schedulers. `random` returns a number from 0
 * (inclusive) to 1 (exclusive).
 */
export function resolveVolumeLimit(
  given: { readonly maxVolumesPerNode: number; readonly attachLimit: number },
  random: () => number,
): number {
  if (given.attachLimit === -1) return 1 + Math.floor(random() * largestRandomLimit);
  return given.attachLimit === 0 ? given.maxVolumesPerNode : given.attachLimit;
}
