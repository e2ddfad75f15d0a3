import { existingVolume } from '../../model/find/find-volume.ts';
import type { Model } from '../../model/state/model.ts';
import { deleteVolume } from '../../model/volumes/delete-volume.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { ControllerServiceCapability } from '../../rpc/generated/csi/v1/ControllerServiceCapability.ts';
import type { Methods } from '../../rpc/service.ts';
import { namingFields } from '../field-names.ts';
import { volumeLock } from '../lock-keys.ts';
import { volumeMessage, volumeStatus } from '../replies.ts';
import { required } from '../requests.ts';
import { attachMethods } from './attach-volume.ts';
import { createVolumeMethod } from './create-volume.ts';
import { expandVolumeMethod } from './expand-volume.ts';
import { getCapacityHandler } from './get-capacity.ts';
import { listVolumesHandler } from './list-volumes.ts';
import { modifyVolumeMethod } from './modify-volume.ts';
import { snapshotMethods } from './snapshots.ts';
import { validateVolumeCapabilitiesHandler } from './validate-volume-capabilities.ts';
import { volumeHealthMethods } from './volume-health.ts';

const capabilities = [
  'CREATE_DELETE_VOLUME',
  'LIST_VOLUMES',
  'GET_VOLUME',
  'GET_CAPACITY',
  'SINGLE_NODE_MULTI_WRITER',
  'CREATE_DELETE_SNAPSHOT',
  'GET_SNAPSHOT',
  'CLONE_VOLUME',
  'GET_VOLUME_HEALTH',
  'LIST_VOLUME_HEALTH',
] as const;

const attachCapabilities = [
  'PUBLISH_UNPUBLISH_VOLUME',
  'PUBLISH_READONLY',
  'LIST_VOLUMES_PUBLISHED_NODES',
] as const;

/** The Controller service (CSI specification, Controller Service RPC). */
export function controllerService(model: Model): Methods<ControllerDefinition> {
  return namingFields({
    CreateVolume: createVolumeMethod(model),
    DeleteVolume: {
      locks: (request) => [volumeLock(request.volume_id)],
      async handle(request) {
        await deleteVolume(model, required('volume_id', request.volume_id));
        return {};
      },
    },
    ControllerGetVolume: {
      async handle(request) {
        const volume = await existingVolume(model, required('volume_id', request.volume_id));
        return { volume: volumeMessage(model, volume), status: volumeStatus(model, volume) };
      },
    },
    ValidateVolumeCapabilities: { handle: validateVolumeCapabilitiesHandler(model) },
    ListVolumes: { handle: listVolumesHandler(model) },
    ...snapshotMethods(model),
    ...volumeHealthMethods(model),
    GetCapacity: { handle: getCapacityHandler(model) },
    ...(model.features.attach ? attachMethods(model) : {}),
    ...(model.features.mutableParameters ? { ControllerModifyVolume: modifyVolumeMethod(model) } : {}),
    ...(model.expansion.byController ? { ControllerExpandVolume: expandVolumeMethod(model) } : {}),
    ControllerGetCapabilities: { handle: async () => ({ capabilities: capabilitiesOf(model) }) },
  });
}

function capabilitiesOf({ expansion, features }: Model): ControllerServiceCapability[] {
  const types = [
    ...capabilities,
    ...(features.attach ? attachCapabilities : []),
    ...(features.mutableParameters ? (['MODIFY_VOLUME'] as const) : []),
    ...(features.listSnapshots ? (['LIST_SNAPSHOTS'] as const) : []),
    ...(expansion.byController ? (['EXPAND_VOLUME'] as const) : []),
  ];
  return types.map((type) => ({ rpc: { type } }));
}
