import type { GetCapacityRequest__Output } from '../../rpc/generated/csi/v1/GetCapacityRequest.ts';
import type { GetCapacityResponse } from '../../rpc/generated/csi/v1/GetCapacityResponse.ts';
import { availableBytes } from '../../volume/available-capacity.ts';
import type { Model } from '../../volume/model.ts';
import { parseParameters } from '../parameters.ts';
import { parseCapabilities } from '../requests.ts';

/** Controller.GetCapacity. */
export function getCapacityHandler(model: Model) {
  return async (request: GetCapacityRequest__Output): Promise<GetCapacityResponse> => {
    const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
    const { pool } = parseParameters(request.parameters);
    const available = await availableBytes(model, {
      capabilities,
      pool,
      place: request.accessible_topology?.segments,
    });
    return {
      available_capacity: available.toString(),
      maximum_volume_size: { value: model.maximumVolumeBytes.toString() },
    };
  };
}
