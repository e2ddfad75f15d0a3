import { VolumeError } from '../../model/errors.ts';
import { findObject } from '../../model/find/find-object.ts';
import { existingVolume } from '../../model/find/find-volume.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type { Model } from '../../model/state/model.ts';
import { attachVolume, detachVolume } from '../../model/volumes/attach-volume.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { Methods } from '../../rpc/service.ts';
import { volumeLock } from '../lock-keys.ts';
import { parseCapability, required } from '../requests.ts';

type AttachMethods = Pick<
  Methods<ControllerDefinition>,
  'ControllerPublishVolume' | 'ControllerUnpublishVolume'
>;

/** The Controller methods that attach and detach volumes, if enabled. */
export function attachMethods(model: Model): AttachMethods {
  return {
    ControllerPublishVolume: {
      locks: (request) => [volumeLock(request.volume_id)],
      async handle(request) {
        const volumeId = required('volume_id', request.volume_id);
        const nodeId = required('node_id', request.node_id);
        const capabilityMessage = required('volume_capability', request.volume_capability);
        const volume = await existingVolume(model, volumeId);
        const capability = parseCapability('volume_capability', capabilityMessage);
        await attachVolume(model, volume, { nodeId, capability, readOnly: request.readonly });
        return { publish_context: {} };
      },
    },
    ControllerUnpublishVolume: {
      locks: (request) => [volumeLock(request.volume_id)],
      async handle(request) {
        const volume = await attachedVolume(model, required('volume_id', request.volume_id));
        if (volume) await detachVolume(model, volume, request.node_id === '' ? undefined : request.node_id);
        return {};
      },
    },
  };
}

/** The volume if its record is intact. A missing or damaged record cannot keep a volume attached to a node. */
async function attachedVolume(model: Model, volumeId: string): Promise<Volume | undefined> {
  try {
    return await findObject(model, model.volumes, volumeId);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
