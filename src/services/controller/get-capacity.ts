import type { GetCapacityRequest__Output } from '../../rpc/generated/csi/v1/GetCapacityRequest.ts';
import type { GetCapacityResponse } from '../../rpc/generated/csi/v1/GetCapacityResponse.ts';
import { availableCapacity } from '../../volume/available-capacity.ts';
import type { Model } from '../../volume/model.ts';
import { parseParameters } from '../parameters.ts';
import { parseCapabilities } from '../requests.ts';

/** Controller.GetCapacity. */
export function getCapacityHandler(model: Model) {
  return async (request: GetCapacityRequest__Output): Promise<GetCapacityResponse> => {
    const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
    const { pool, wish } = parseParameters(request.parameters);
    const place = request.accessible_topology?.segments;
    const capacity = await availableCapacity(model, { capabilities, pool, wish, place });
    return {
      available_capacity: capacity.availableBytes.toString(),
      maximum_volume_size: { value: capacity.maximumVolumeBytes.toString() },
      minimum_volume_size: { value: capacity.minimumVolumeBytes.toString() },
    };
  };
}
