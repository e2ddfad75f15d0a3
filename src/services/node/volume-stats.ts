import { existingVolume } from '../../model/find/find-volume.ts';
import { notMountedAt, volumeStats } from '../../model/health/volume-stats.ts';
import type { Usage } from '../../model/ports/mounts-port.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodeGetVolumeStatsRequest__Output } from '../../rpc/generated/csi/v1/NodeGetVolumeStatsRequest.ts';
import type { NodeGetVolumeStatsResponse } from '../../rpc/generated/csi/v1/NodeGetVolumeStatsResponse.ts';
import type { VolumeUsage } from '../../rpc/generated/csi/v1/VolumeUsage.ts';
import { required } from '../requests.ts';

/** Node.NodeGetVolumeStats: bytes and inodes. */
export function volumeStatsHandler(model: Model) {
  return async (request: NodeGetVolumeStatsRequest__Output): Promise<NodeGetVolumeStatsResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const path = required('volume_path', request.volume_path);
    const volume = await existingVolume(model, volumeId);
    // Nothing is ever mounted at a relative path, and the specification has a code for "not found" (NOT_FOUND).
    if (!path.startsWith('/')) throw notMountedAt(volume, path);
    const { bytes, inodes } = await volumeStats(model, volume, model.paths.resolve('volume_path', path));
    return {
      usage: [usageMessage('BYTES', bytes), ...(inodes ? [usageMessage('INODES', inodes)] : [])],
    };
  };
}

function usageMessage(unit: 'BYTES' | 'INODES', { total, used, available }: Usage): VolumeUsage {
  return { unit, total: total.toString(), used: used.toString(), available: available.toString() };
}
