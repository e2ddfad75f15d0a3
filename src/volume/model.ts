import type { MountIndex } from './mount-index.ts';
import type { MountPaths } from './mount-paths.ts';
import type { Pools } from './pool.ts';
import type { Mounts } from './ports.ts';
import type { OnStep } from './steps.ts';
import type { TopologySegments } from './topology.ts';
import type { VolumeIndex } from './volume-index.ts';

/** Everything the operations on volumes work with. Made once, at start. */
export interface Model {
  readonly pools: Pools;
  readonly volumes: VolumeIndex;
  readonly mounts: Mounts;
  readonly mountIndex: MountIndex;
  readonly paths: MountPaths;
  /** Where this node is; undefined when topology is switched off. */
  readonly topology: TopologySegments | undefined;
  readonly maximumVolumeBytes: bigint;
  readonly onStep: OnStep;
  readonly now: () => Date;
}
