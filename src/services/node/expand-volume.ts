import { existingVolume } from '../../model/find/find-volume.ts';
import { checkVolumeAt, notMountedAt } from '../../model/health/volume-stats.ts';
import type { Model } from '../../model/state/model.ts';
import { expandContent, expandStaged } from '../../model/volumes/expand-volume.ts';
import type { NodeExpandVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/NodeExpandVolumeRequest.ts';
import type { NodeExpandVolumeResponse as Response } from '../../rpc/generated/csi/v1/NodeExpandVolumeResponse.ts';
import { checkExpandedUse } from '../expanded-use.ts';
import { volumeLock } from '../lock-keys.ts';
import { parseCapacityRange, required } from '../requests.ts';

/** Node.NodeExpandVolume: the part that ControllerExpandVolume leaves, or all of it if that RPC is disabled. */
export function expandVolumeMethod(model: Model) {
  return {
    locks: (request: Request) => [volumeLock(request.volume_id)],
    async handle(request: Request): Promise<Response> {
      const volumeId = required('volume_id', request.volume_id);
      const path = required('volume_path', request.volume_path);
      const volume = await existingVolume(model, volumeId);
      // Nothing is ever mounted at a relative path, and the specification has a code for "not found" (NOT_FOUND).
      if (!path.startsWith('/')) throw notMountedAt(volume, path);
      const range = parseCapacityRange(request.capacity_range);
      await checkExpandedUse(model, volume, request.volume_capability);
      const mountedAt = model.paths.resolve('volume_path', path);
      await checkVolumeAt(model, volume, mountedAt);
      const { maximumNodeExpansionBytes } = model.limits;
      const expanded = await expandContent(model, volume, range, maximumNodeExpansionBytes);
      const bytes = await expandStaged(model, expanded.volume, mountedAt);
      return bytes === undefined ? {} : { capacity_bytes: bytes.toString() };
    },
  };
}
