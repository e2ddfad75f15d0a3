import type { Parts } from '../../model/parts.ts';
import type { Settings } from '../../model/settings.ts';
import type { NodeDefinition } from '../../rpc/generated/csi/v1/Node.ts';
import type { NodeServiceCapability } from '../../rpc/generated/csi/v1/NodeServiceCapability.ts';
import type { MethodMakers, Methods } from '../../rpc/service.ts';
import { withFieldNames } from '../field-names.ts';
import { expandVolumeMethod } from './expand-volume.ts';
import {
  publishVolumeMethod,
  stageVolumeMethod,
  unpublishVolumeMethod,
  unstageVolumeMethod,
} from './mounting.ts';
import { storageHealthMethod, volumeHealthMethod, volumeStatsMethod } from './stats-and-health.ts';

/** One RPC of the Node service. */
export type NodeMethod<Name extends keyof Methods<NodeDefinition>> = NonNullable<
  Methods<NodeDefinition>[Name]
>;

const capabilities = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'SINGLE_NODE_MULTI_WRITER',
  'GET_VOLUME_HEALTH',
  'GET_STORAGE_HEALTH',
] as const;

/** The Node service (CSI specification, Node Service RPC), in the order of the specification. */
export function nodeMethods({ expansion }: Settings): MethodMakers<Parts, NodeDefinition> {
  return withFieldNames<MethodMakers<Parts, NodeDefinition>>({
    NodeStageVolume: stageVolumeMethod,
    NodeUnstageVolume: unstageVolumeMethod,
    NodePublishVolume: publishVolumeMethod,
    NodeUnpublishVolume: unpublishVolumeMethod,
    NodeGetVolumeStats: volumeStatsMethod,
    NodeGetVolumeHealth: volumeHealthMethod,
    NodeGetStorageHealth: storageHealthMethod,
    ...(expansion.byNode ? { NodeExpandVolume: expandVolumeMethod } : {}),
    NodeGetCapabilities: ({ settings }) => ({
      handle: async () => ({ capabilities: capabilitiesOf(settings) }),
    }),
    NodeGetInfo: ({ settings: { node, topology } }) => ({
      handle: async () => ({
        node_id: node.id,
        max_volumes_per_node: node.volumeLimit,
        accessible_topology: topology ? { segments: { ...topology } } : null,
      }),
    }),
  });
}

function capabilitiesOf({ expansion }: Settings): NodeServiceCapability[] {
  const types = [...capabilities, ...(expansion.byNode ? (['EXPAND_VOLUME'] as const) : [])];
  return types.map((type) => ({ rpc: { type } }));
}
