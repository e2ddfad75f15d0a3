import { VolumeError } from '../../model/errors.ts';
import type { VolumeCapability } from '../../model/requests/capability.ts';
import type { Model } from '../../model/state/model.ts';
import { availableCapacity, noCapacity } from '../../model/volumes/available-capacity.ts';
import type { GetCapacityRequest__Output } from '../../rpc/generated/csi/v1/GetCapacityRequest.ts';
import type { GetCapacityResponse } from '../../rpc/generated/csi/v1/GetCapacityResponse.ts';
import type { VolumeCapability__Output } from '../../rpc/generated/csi/v1/VolumeCapability.ts';
import { parseParameters } from '../parameters.ts';
import { parseCapabilities, requireForms } from '../requests.ts';

/** Controller.GetCapacity. */
export function getCapacityHandler(model: Model) {
  return async (request: GetCapacityRequest__Output): Promise<GetCapacityResponse> => {
    const capabilities = parseSupported('volume_capabilities', request.volume_capabilities);
    const { pool, wish } = parseParameters(request.parameters);
    const place = request.accessible_topology?.segments;
    const capacity = capabilities
      ? await availableCapacity(model, { capabilities, pool, wish, place })
      : noCapacity;
    return {
      available_capacity: capacity.availableBytes.toString(),
      maximum_volume_size: { value: capacity.maximumVolumeBytes.toString() },
      minimum_volume_size: { value: capacity.minimumVolumeBytes.toString() },
    };
  };
}

/** Capabilities that a volume may have; undefined if no volume of this driver can have one of them. */
function parseSupported(
  field: string,
  list: readonly VolumeCapability__Output[],
): VolumeCapability[] | undefined {
  requireForms(field, list);
  try {
    return parseCapabilities(field, list);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return undefined;
    throw error;
  }
}
