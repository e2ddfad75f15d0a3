import type { Parts } from '../../model/parts.ts';
import type { Settings } from '../../model/settings.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { ControllerServiceCapability } from '../../rpc/generated/csi/v1/ControllerServiceCapability.ts';
import type { MethodMakers, Methods } from '../../rpc/service.ts';
import { withFieldNames } from '../field-names.ts';
import { publishVolumeMethod, unpublishVolumeMethod } from './attachment.ts';
import { createVolumeMethod } from './create-volume.ts';
import { getVolumeHealthMethod, listVolumeHealthMethod } from './health.ts';
import {
  createSnapshotMethod,
  deleteSnapshotMethod,
  getSnapshotMethod,
  listSnapshotsMethod,
} from './snapshots.ts';
import { validateVolumeCapabilitiesMethod } from './validate-volume-capabilities.ts';
import {
  deleteVolumeMethod,
  expandVolumeMethod,
  getCapacityMethod,
  getVolumeMethod,
  listVolumesMethod,
  modifyVolumeMethod,
} from './volumes.ts';

/** One RPC of the Controller service. */
export type ControllerMethod<Name extends keyof Methods<ControllerDefinition>> = NonNullable<
  Methods<ControllerDefinition>[Name]
>;

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

/** The Controller service (CSI specification, Controller Service RPC), in the order of the specification. */
export function controllerMethods({
  features,
  expansion,
}: Settings): MethodMakers<Parts, ControllerDefinition> {
  return withFieldNames<MethodMakers<Parts, ControllerDefinition>>({
    CreateVolume: createVolumeMethod,
    DeleteVolume: deleteVolumeMethod,
    ...(features.attach
      ? {
          ControllerPublishVolume: publishVolumeMethod,
          ControllerUnpublishVolume: unpublishVolumeMethod,
        }
      : {}),
    ValidateVolumeCapabilities: validateVolumeCapabilitiesMethod,
    ListVolumes: listVolumesMethod,
    ControllerListVolumeHealth: listVolumeHealthMethod,
    ControllerGetVolumeHealth: getVolumeHealthMethod,
    GetCapacity: getCapacityMethod,
    ControllerGetCapabilities: ({ settings }) => ({
      handle: async () => ({ capabilities: capabilitiesOf(settings) }),
    }),
    CreateSnapshot: createSnapshotMethod,
    DeleteSnapshot: deleteSnapshotMethod,
    ...(features.listSnapshots ? { ListSnapshots: listSnapshotsMethod } : {}),
    GetSnapshot: getSnapshotMethod,
    ...(expansion.byController ? { ControllerExpandVolume: expandVolumeMethod } : {}),
    ControllerGetVolume: getVolumeMethod,
    ...(features.mutableParameters ? { ControllerModifyVolume: modifyVolumeMethod } : {}),
  });
}

function capabilitiesOf({ expansion, features }: Settings): ControllerServiceCapability[] {
  const types = [
    ...capabilities,
    ...(features.attach ? attachCapabilities : []),
    ...(features.mutableParameters ? (['MODIFY_VOLUME'] as const) : []),
    ...(features.listSnapshots ? (['LIST_SNAPSHOTS'] as const) : []),
    ...(expansion.byController ? (['EXPAND_VOLUME'] as const) : []),
  ];
  return types.map((type) => ({ rpc: { type } }));
}
