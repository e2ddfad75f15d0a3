import { VolumeError } from '../../model/errors.ts';
import { existingVolume, takingDown } from '../../model/find/find-volume.ts';
import { publishInline } from '../../model/mounting/publish-inline.ts';
import { publishVolume, unpublishVolume } from '../../model/mounting/publish-volume.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodePublishVolumeRequest__Output } from '../../rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { NodePublishVolumeResponse } from '../../rpc/generated/csi/v1/NodePublishVolumeResponse.ts';
import type { NodeUnpublishVolumeRequest__Output } from '../../rpc/generated/csi/v1/NodeUnpublishVolumeRequest.ts';
import type { NodeUnpublishVolumeResponse } from '../../rpc/generated/csi/v1/NodeUnpublishVolumeResponse.ts';
import { parseCapability, required } from '../requests.ts';
import { isInline, parseInline } from './inline-volume.ts';

/** Node.NodePublishVolume, of a staged volume or an inline one. */
export function publishVolumeHandler(model: Model) {
  return async (request: NodePublishVolumeRequest__Output): Promise<NodePublishVolumeResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const target = required('target_path', request.target_path);
    const capabilityMessage = required('volume_capability', request.volume_capability);
    if (isInline(model, request)) {
      await publishInline(model, parseInline(model, request));
      return {};
    }
    const volume = await existingVolume(model, volumeId);
    // The specification requires this code, since STAGE_UNSTAGE_VOLUME is declared.
    if (request.staging_target_path === '') {
      throw new VolumeError(
        'precondition',
        'staging_target_path is required, because volumes are staged first',
      );
    }
    await publishVolume(model, volume, {
      stagingPath: model.paths.resolve('staging_target_path', request.staging_target_path),
      targetPath: model.paths.resolve('target_path', target),
      capability: parseCapability('volume_capability', capabilityMessage),
      readOnly: request.readonly,
    });
    return {};
  };
}

/** Node.NodeUnpublishVolume: also works for unknown volumes. */
export function unpublishVolumeHandler(model: Model) {
  return async (request: NodeUnpublishVolumeRequest__Output): Promise<NodeUnpublishVolumeResponse> => {
    const volumeId = required('volume_id', request.volume_id);
    const target = required('target_path', request.target_path);
    const targetPath = model.paths.resolve('target_path', target);
    await takingDown(model, volumeId, () => unpublishVolume(model, volumeId, targetPath));
    return {};
  };
}
