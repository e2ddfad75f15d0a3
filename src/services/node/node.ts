import type { Model } from '../../model/state/model.ts';
import type { NodeDefinition } from '../../rpc/generated/csi/v1/Node.ts';
import type { NodeServiceCapability } from '../../rpc/generated/csi/v1/NodeServiceCapability.ts';
import type { Methods } from '../../rpc/service.ts';
import { namingFields } from '../field-names.ts';
import { pathLock, volumeLock } from '../lock-keys.ts';
import { expandVolumeMethod } from './expand-volume.ts';
import { publishLock, unpublishLock } from './inline-volume.ts';
import { publishVolumeHandler, unpublishVolumeHandler } from './publish-volume.ts';
import { stageVolumeHandler, unstageVolumeHandler } from './stage-volume.ts';
import { storageHealthHandler } from './storage-health.ts';
import { volumeHealthHandler } from './volume-health.ts';
import { volumeStatsHandler } from './volume-stats.ts';

const capabilities = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'SINGLE_NODE_MULTI_WRITER',
  'GET_VOLUME_HEALTH',
  'GET_STORAGE_HEALTH',
] as const;

/** The Node service (CSI specification, Node Service RPC). */
export function nodeService(model: Model): Methods<NodeDefinition> {
  return namingFields({
    NodeStageVolume: {
      locks: (request) => [volumeLock(request.volume_id), pathLock(model, request.staging_target_path)],
      handle: stageVolumeHandler(model),
    },
    NodeUnstageVolume: {
      locks: (request) => [volumeLock(request.volume_id), pathLock(model, request.staging_target_path)],
      handle: unstageVolumeHandler(model),
    },
    NodePublishVolume: {
      locks: (request) => [publishLock(model, request), pathLock(model, request.target_path)],
      handle: publishVolumeHandler(model),
    },
    NodeUnpublishVolume: {
      locks: (request) => [unpublishLock(model, request), pathLock(model, request.target_path)],
      handle: unpublishVolumeHandler(model),
    },
    NodeGetVolumeStats: { handle: volumeStatsHandler(model) },
    NodeGetVolumeHealth: { handle: volumeHealthHandler(model) },
    NodeGetStorageHealth: { handle: storageHealthHandler(model) },
    NodeGetInfo: {
      handle: async () => ({
        node_id: model.node.id,
        max_volumes_per_node: model.node.volumeLimit,
        accessible_topology: model.topology ? { segments: { ...model.topology } } : null,
      }),
    },
    ...(model.expansion.byNode ? { NodeExpandVolume: expandVolumeMethod(model) } : {}),
    NodeGetCapabilities: { handle: async () => ({ capabilities: capabilitiesOf(model) }) },
  });
}

function capabilitiesOf({ expansion }: Model): NodeServiceCapability[] {
  const types = [...capabilities, ...(expansion.byNode ? (['EXPAND_VOLUME'] as const) : [])];
  return types.map((type) => ({ rpc: { type } }));
}
