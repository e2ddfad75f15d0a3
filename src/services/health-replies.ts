import type { VolumeHealth as VolumeHealthMessage } from '../rpc/generated/csi/v1/VolumeHealth.ts';
import type { VolumeHealth } from '../volume/health/volume-health.ts';

/** The health of a volume as replies show it (CSI specification, VolumeHealth). */
export function volumeHealthMessage({ id, findings }: VolumeHealth): VolumeHealthMessage {
  return {
    volume_id: id,
    health_statuses: findings.map(({ status, reason, message }) => ({ status, reason, message })),
  };
}
