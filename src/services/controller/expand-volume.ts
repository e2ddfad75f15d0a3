import { existingVolume } from '../../model/find/find-volume.ts';
import type { Model } from '../../model/state/model.ts';
import { expandContent, expandMounted } from '../../model/volumes/expand-volume.ts';
import type { ControllerExpandVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/ControllerExpandVolumeRequest.ts';
import type { ControllerExpandVolumeResponse as Response } from '../../rpc/generated/csi/v1/ControllerExpandVolumeResponse.ts';
import { checkExpandedUse } from '../expanded-use.ts';
import { volumeLock } from '../lock-keys.ts';
import { parseCapacityRange, required } from '../requests.ts';

/** Controller.ControllerExpandVolume. */
export function expandVolumeMethod(model: Model) {
  return {
    locks: (request: Request) => [volumeLock(request.volume_id)],
    async handle(request: Request): Promise<Response> {
      const volumeId = required('volume_id', request.volume_id);
      const range = parseCapacityRange(required('capacity_range', request.capacity_range));
      const volume = await existingVolume(model, volumeId);
      await checkExpandedUse(model, volume, request.volume_capability);
      const { maximumVolumeBytes } = model.limits;
      const expanded = await expandContent(model, volume, range, maximumVolumeBytes);
      // Otherwise no call would do the node's part.
      if (!model.expansion.byNode) await expandMounted(model, expanded.volume);
      return {
        capacity_bytes: expanded.volume.capacityBytes.toString(),
        node_expansion_required: model.expansion.byNode && expanded.needsNode,
      };
    },
  };
}
