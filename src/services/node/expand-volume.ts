import { existingVolume } from '../../model/find/find-object.ts';
import { checkVolumeAt, notMountedAt } from '../../model/health/volume-stats.ts';
import type { Parts } from '../../model/parts.ts';
import { exclusive } from '../../model/state/holds.ts';
import { expandContent, expandStaged } from '../../model/volumes/expand-volume.ts';
import { checkExpansionCapability } from '../check-expansion-capability.ts';
import { parsePassphrase } from '../passphrase.ts';
import { parseCapacityRange, required } from '../requests.ts';
import type { NodeMethod } from './node.ts';

/** Node.NodeExpandVolume: the part that ControllerExpandVolume leaves, or all of it if that RPC is disabled. */
export function expandVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
): NodeMethod<'NodeExpandVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const path = required('volume_path', request.volume_path);
      const volume = await existingVolume(parts.catalogue, volumeId);
      // Nothing is ever mounted at a relative path, and the specification has a code for "not found" (NOT_FOUND).
      if (!path.startsWith('/')) throw notMountedAt(volume, path);
      const range = parseCapacityRange(request.capacity_range);
      await checkExpansionCapability(parts, volume, request.volume_capability);
      const mountedAt = parts.settings.mountPaths.resolve('volume_path', path);
      await checkVolumeAt(parts, volume, mountedAt);
      const { maximumNodeExpansionBytes } = parts.settings.limits;
      const expanded = await expandContent(parts, held.volume(volume), range, maximumNodeExpansionBytes);
      const key = parsePassphrase(request.secrets);
      const bytes = await expandStaged(parts, held.volume(expanded.volume), mountedAt, key);
      return bytes === undefined ? {} : { capacity_bytes: bytes.toString() };
    },
  };
}
