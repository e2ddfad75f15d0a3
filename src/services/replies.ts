import type { Volume as VolumeMessage } from '../rpc/generated/csi/v1/Volume.ts';
import type { Model } from '../volume/model.ts';
import type { Volume } from '../volume/volume.ts';

/** A volume as replies show it (CSI specification, Volume). */
export function volumeMessage(model: Model, volume: Volume): VolumeMessage {
  return {
    volume_id: volume.id,
    capacity_bytes: volume.capacityBytes.toString(),
    volume_context: {
      pool: volume.pool,
      backend: volume.backend,
      capacityEnforced: String(model.pools.of(volume).backend.enforcesCapacity),
    },
    accessible_topology: model.topology ? [{ segments: { ...model.topology } }] : [],
  };
}
