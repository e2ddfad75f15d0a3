import { encryptionOf } from './encryption.ts';
import {
  isCapacityEnforced,
  isThick,
  mountedImageUse,
  showsPoolSize,
  subvolumeAttributes,
  type Volume,
} from './volume.ts';

/** The context of a volume (CSI specification, Volume): what CreateVolume replies, and later calls may bring. */
export function contextOf(volume: Volume): Record<string, string> {
  return { ...volume.mutable.opaque, ...fixedContext(volume) };
}

/** The entries of a volume's context that never change. */
export function fixedContext({ pool, capacityClass, content }: Volume): Record<string, string> {
  const encryption = encryptionOf(content);
  const attributes = subvolumeAttributes(content);
  const { mkfsOptions, fsckMode } = mountedImageUse(content) ?? {};
  return {
    pool,
    ...(capacityClass === undefined ? {} : { kind: capacityClass }),
    backend: content.backend,
    capacityEnforced: String(isCapacityEnforced(content)),
    ...(showsPoolSize(content) ? { dfShows: 'pool' } : {}),
    ...(isThick(content) ? { provisioning: 'thick' } : {}),
    ...(attributes?.compression ? { compression: attributes.compression } : {}),
    ...(attributes?.noDataCow ? { nodatacow: 'true' } : {}),
    ...(encryption ? { encryption: encryption.format } : {}),
    ...(mkfsOptions === undefined ? {} : { mkfsOptions }),
    ...(fsckMode === undefined ? {} : { fsckMode }),
  };
}
