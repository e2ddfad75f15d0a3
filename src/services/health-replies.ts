import type { VolumeHealth } from '../model/health/volume-health.ts';
import type { Model } from '../model/state/model.ts';
import type { VolumeHealth as VolumeHealthMessage } from '../rpc/generated/csi/v1/VolumeHealth.ts';
import { healthEntries } from './health-entries.ts';

/** The health of a volume in replies (CSI specification, VolumeHealth); truncated messages are logged in full. */
export function volumeHealthMessage(
  { onFinding }: Model,
  { id, findings }: VolumeHealth,
): VolumeHealthMessage {
  for (const each of findings)
    onFinding(each.pool === undefined ? { volumeId: id } : { pool: each.pool }, each);
  return { volume_id: id, health_statuses: healthEntries(findings, id) };
}
