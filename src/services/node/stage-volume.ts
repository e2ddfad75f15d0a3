import { existingVolume, takingDown } from '../../model/find/find-volume.ts';
import { stageVolume, unstageVolume } from '../../model/mounting/stage-volume.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodeStageVolumeRequest__Output } from '../../rpc/generated/csi/v1/NodeStageVolumeRequest.ts';
import type { NodeStageVolumeResponse } from '../../rpc/generated/csi/v1/NodeStageVolumeResponse.ts';
import type { NodeUnstageVolumeRequest__Output } from '../../rpc/generated/csi/v1/NodeUnstageVolumeRequest.ts';
import type { NodeUnstageVolumeResponse } from '../../rpc/generated/csi/v1/NodeUnstageVolumeResponse.ts';

import { parseCapability, required } from '../requests.ts';

/** Node.NodeStageVolume. */
export function stageVolumeHandler(model: Model) {
  return async (request: NodeStageVolumeRequest__Output): Promise<NodeStageVolumeResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const path = required('staging_target_path', request.staging_target_path);
    const capabilityMessage = required('volume_capability', request.volume_capability);
    const volume = await existingVolume(model, volumeId);
    const stagingPath = model.paths.resolve('staging_target_path', path);
    const capability = parseCapability('volume_capability', capabilityMessage);
    await stageVolume(model, volume, stagingPath, capability);
    return {};
  };
}

/** Node.NodeUnstageVolume: also works for unknown volumes. */
export function unstageVolumeHandler(model: Model) {
  return async (request: NodeUnstageVolumeRequest__Output): Promise<NodeUnstageVolumeResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const path = required('staging_target_path', request.staging_target_path);
    const stagingPath = model.paths.resolve('staging_target_path', path);
    await takingDown(model, volumeId, () => unstageVolume(model, volumeId, stagingPath));
    return {};
  };
}
