import type { Volume as VolumeMessage } from '../rpc/generated/csi/v1/Volume.ts';
import type { Model } from '../volume/model.ts';
import { isCapacityEnforced, type Volume } from '../volume/volume.ts';

/** A volume as replies show it (CSI specification, Volume). */
export function volumeMessage(model: Model, volume: Volume): VolumeMessage {
  const { id, pool, capacityClass, content, capacityBytes } = volume;
  return {
    volume_id: id,
    capacity_bytes: capacityBytes.toString(),
    volume_context: {
      pool,
      ...(capacityClass === undefined ? {} : { kind: capacityClass }),
      backend: content.backend,
      capacityEnforced: String(isCapacityEnforced(content)),
    },
    accessible_topology: model.topology ? [{ segments: { ...model.topology } }] : [],
  };
}
