import { isCapacityEnforced, isThick, mountedImageUse, showsPoolSize, type Volume } from './volume.ts';

/** The context of a volume (CSI specification, Volume): what CreateVolume replies, and later calls may bring. */
export function contextOf(volume: Volume): Record<string, string> {
  return { ...volume.mutable.opaque, ...fixedContext(volume) };
}

/** The entries of a volume's context that never change. */
export function fixedContext({ pool, capacityClass, content }: Volume): Record<string, string> {
  const { mkfsOptions, fsckMode } = mountedImageUse(content) ?? {};
  return {
    pool,
    ...(capacityClass === undefined ? {} : { kind: capacityClass }),
    backend: content.backend,
    capacityEnforced: String(isCapacityEnforced(content)),
    ...(showsPoolSize(content) ? { dfShows: 'pool' } : {}),
    ...(isThick(content) ? { provisioning: 'thick' } : {}),
    ...(mkfsOptions === undefined ? {} : { mkfsOptions }),
    ...(fsckMode === undefined ? {} : { fsckMode }),
  };
}
