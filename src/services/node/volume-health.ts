import { nodeVolumeHealth } from '../../model/health/node-health.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodeGetVolumeHealthRequest__Output } from '../../rpc/generated/csi/v1/NodeGetVolumeHealthRequest.ts';
import type { NodeGetVolumeHealthResponse } from '../../rpc/generated/csi/v1/NodeGetVolumeHealthResponse.ts';
import { volumeHealthMessage } from '../health-replies.ts';
import { required } from '../requests.ts';

/** Node.NodeGetVolumeHealth: also without a path, for problems that the driver can find itself. */
export function volumeHealthHandler(model: Model) {
  return async (request: NodeGetVolumeHealthRequest__Output): Promise<NodeGetVolumeHealthResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const resolve = (field: 'staging_target_path' | 'volume_publish_path') =>
      request[field] === '' ? undefined : model.paths.resolve(field, request[field]);
    const health = await nodeVolumeHealth(model, volumeId, () => ({
      stagingPath: resolve('staging_target_path'),
      publishPath: resolve('volume_publish_path'),
    }));
    return { volume_health: volumeHealthMessage(model, health) };
  };
}
