import { VolumeError } from '../../model/errors.ts';
import { existingVolume } from '../../model/find/find-object.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import { exclusive } from '../../model/state/holds.ts';
import { attachVolume, detachVolume } from '../../model/volumes/attach-volume.ts';
import { parseCapability, required } from '../requests.ts';
import type { ControllerMethod } from './controller.ts';

/** Controller.ControllerPublishVolume: attaches a volume to this node. */
export function publishVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
): ControllerMethod<'ControllerPublishVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const nodeId = required('node_id', request.node_id);
      const capabilityMessage = required('volume_capability', request.volume_capability);
      const volume = await existingVolume(parts.catalogue, volumeId);
      const capability = parseCapability('volume_capability', capabilityMessage);
      await attachVolume(parts, held.volume(volume), { nodeId, capability, readOnly: request.readonly });
      return { publish_context: {} };
    },
  };
}

/** Controller.ControllerUnpublishVolume. */
export function unpublishVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
): ControllerMethod<'ControllerUnpublishVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const nodeId = request.node_id === '' ? undefined : request.node_id;
      const volume = await attachedVolume(parts.catalogue, required('volume_id', request.volume_id));
      if (volume) await detachVolume(parts, held.volume(volume), nodeId);
      return {};
    },
  };
}

/** The volume if its record is intact. A missing or damaged record cannot keep a volume attached to a node. */
async function attachedVolume(catalogue: Catalogue, volumeId: string): Promise<Volume | undefined> {
  try {
    return await catalogue.find(catalogue.volumes, volumeId);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
