import { missingField } from '../../model/errors.ts';
import { existingVolume } from '../../model/find/find-volume.ts';
import type { Model } from '../../model/state/model.ts';
import { modifyVolume } from '../../model/volumes/modify-volume.ts';
import type { ControllerModifyVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/ControllerModifyVolumeRequest.ts';
import type { ControllerModifyVolumeResponse as Response } from '../../rpc/generated/csi/v1/ControllerModifyVolumeResponse.ts';
import { volumeLock } from '../lock-keys.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { required } from '../requests.ts';

/** Controller.ControllerModifyVolume. */
export function modifyVolumeMethod(model: Model) {
  return {
    locks: (request: Request) => [volumeLock(request.volume_id)],
    async handle(request: Request): Promise<Response> {
      const volumeId = required('volume_id', request.volume_id);
      const { mutable_parameters } = request;
      if (Object.keys(mutable_parameters).length === 0) throw missingField('mutable_parameters');
      const volume = await existingVolume(model, volumeId);
      await modifyVolume(model, volume, parseMutableParameters(model.features, mutable_parameters));
      return {};
    },
  };
}
