import type { Options } from './options.ts';
import type { Features } from './volume/model.ts';
import { defaultMutableParameters, type MutableParameters } from './volume/volume.ts';

/** What the flags switch on. */
export function featuresOf(options: Options): Features {
  return {
    attach: options.enableAttach,
    mutableParameters: options.enableControllerModifyVolume ? takenParameters(options) : undefined,
    listSnapshots: options.enableListSnapshots,
    snapshotMetadata: options.enableSnapshotMetadata ? options.snapshotMetadataBlockType : undefined,
    strictLifecycle: options.checkVolumeLifecycle,
    inlineOnly: options.ephemeral,
  };
}

/** Those of the mutable parameters there are that are taken: those that a flag names or, where it names none, all. */
function takenParameters({ acceptedMutableParameterNames }: Options): Features['mutableParameters'] {
  const accepted = new Set(acceptedMutableParameterNames);
  const known = Object.keys(defaultMutableParameters) as (keyof MutableParameters)[];
  return new Set(accepted.size === 0 ? known : known.filter((name) => accepted.has(name)));
}
