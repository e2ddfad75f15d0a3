import { type TopologySegments, topologyKey } from './model/objects/topology.ts';
import { mutableParameterNames } from './model/objects/volume.ts';
import type { Expansion, Features } from './model/settings.ts';
import type { Options } from './options.ts';

/** The features that the flags enable. */
export function featuresOf(options: Options): Features {
  return {
    attach: options.enableAttach,
    mutableParameters: options.enableControllerModifyVolume ? acceptedParameters(options) : undefined,
    listSnapshots: options.enableListSnapshots,
    snapshotMetadata: options.enableSnapshotMetadata ? options.snapshotMetadataBlockType : undefined,
    strictLifecycle: options.checkVolumeLifecycle,
    inlineByDefault: options.ephemeral,
  };
}

/** Which services expand volumes. */
export function expansionOf(options: Options): Expansion {
  return {
    byController: options.enableVolumeExpansion && !options.disableControllerExpansion,
    byNode: options.enableVolumeExpansion && !options.disableNodeExpansion,
  };
}

/** The topology of this node; undefined if topology is disabled. */
export function topologyOf({ enableTopology, nodeId }: Options): TopologySegments | undefined {
  return enableTopology ? { [topologyKey]: nodeId } : undefined;
}

/** The accepted mutable parameters: those that a flag lists or, if it lists none, all that have an effect. */
function acceptedParameters({ acceptedMutableParameterNames }: Options): Features['mutableParameters'] {
  const accepted = acceptedMutableParameterNames.filter((name) => name !== '');
  return new Set(accepted.length === 0 ? mutableParameterNames : accepted);
}
