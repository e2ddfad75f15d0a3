const largestRandomLimit = 10;

/**
 * The number of volumes this node may have, where 0 means that there is no limit.
 * `attachLimit` is the newer name of the flag and wins unless it is 0; -1 means a random limit from 1 to 10,
 * with which schedulers are tested. `random` returns a number from 0 up to, not including, 1.
 */
export function resolveVolumeLimit(
  given: { readonly maxVolumesPerNode: number; readonly attachLimit: number },
  random: () => number,
): number {
  if (given.attachLimit === -1) return 1 + Math.floor(random() * largestRandomLimit);
  return given.attachLimit === 0 ? given.maxVolumesPerNode : given.attachLimit;
}
