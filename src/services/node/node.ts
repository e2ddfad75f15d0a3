import type { NodeDefinition } from '../../rpc/generated/csi/v1/Node.ts';
import type { NodeServiceCapability } from '../../rpc/generated/csi/v1/NodeServiceCapability.ts';
import type { Methods } from '../../rpc/service.ts';
import type { Model } from '../../volume/model.ts';
import { pathLock, volumeLock, volumeShared } from '../lock-keys.ts';
import { expandVolumeMethod } from './expand-volume.ts';
import { publishVolumeHandler, unpublishVolumeHandler } from './publish-volume.ts';
import { stageVolumeHandler, unstageVolumeHandler } from './stage-volume.ts';
import { volumeStatsHandler } from './volume-stats.ts';

const capabilities = ['STAGE_UNSTAGE_VOLUME', 'GET_VOLUME_STATS', 'SINGLE_NODE_MULTI_WRITER'] as const;

/** What the Node service tells of this node. */
export interface NodeInfo {
  readonly nodeId: string;
  /** How many volumes it may have; 0 leaves it to the CO. */
  readonly volumeLimit: number;
}

/** The Node service (CSI specification, Node Service RPC). */
export function nodeService(model: Model, { nodeId, volumeLimit }: NodeInfo): Methods<NodeDefinition> {
  return {
    NodeStageVolume: {
      locks: (request) => [volumeLock(request.volume_id), pathLock(model, request.staging_target_path)],
      handle: stageVolumeHandler(model),
    },
    NodeUnstageVolume: {
      locks: (request) => [volumeLock(request.volume_id), pathLock(model, request.staging_target_path)],
      handle: unstageVolumeHandler(model),
    },
    NodePublishVolume: {
      locks: (request) => [volumeShared(request.volume_id), pathLock(model, request.target_path)],
      handle: publishVolumeHandler(model),
    },
    NodeUnpublishVolume: {
      locks: (request) => [volumeShared(request.volume_id), pathLock(model, request.target_path)],
      handle: unpublishVolumeHandler(model),
    },
    NodeGetVolumeStats: { handle: volumeStatsHandler(model) },
    NodeGetInfo: {
      handle: async () => ({
        node_id: nodeId,
        max_volumes_per_node: volumeLimit,
        accessible_topology: model.topology ? { segments: { ...model.topology } } : null,
      }),
    },
    ...(model.expansion.byNode ? { NodeExpandVolume: expandVolumeMethod(model) } : {}),
    NodeGetCapabilities: { handle: async () => ({ capabilities: capabilitiesOf(model) }) },
  };
}

function capabilitiesOf({ expansion }: Model): NodeServiceCapability[] {
  const types = expansion.byNode ? ([...capabilities, 'EXPAND_VOLUME'] as const) : capabilities;
  return types.map((type) => ({ rpc: { type } }));
}
