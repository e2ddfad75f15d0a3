import type { TopologySegments } from './objects/topology.ts';
import type { BlockType } from './ports/block-maps.ts';
import type { MountPaths } from './requests/mount-paths.ts';

/** What the flags of the driver decide. */
export interface Settings {
  /** The topology of this node; undefined if topology is switched off. */
  readonly topology: TopologySegments | undefined;
  readonly node: NodeIdentity;
  readonly mountPaths: MountPaths;
  readonly limits: SizeLimits;
  readonly expansion: Expansion;
  readonly features: Features;
}

/** This node, as the Node service reports it (CSI specification, NodeGetInfo). */
export interface NodeIdentity {
  readonly id: string;
  /** How many volumes the node may have; 0 lets the CO decide. */
  readonly volumeLimit: number;
}

/** Limits on the sizes of volumes. */
export interface SizeLimits {
  /** The largest volume. */
  readonly maximumVolumeBytes: bigint;
  /** The largest size to which NodeExpandVolume grows a volume. */
  readonly maximumNodeExpansionBytes: bigint;
  /** How many times the available room may be reserved, in thousandths; 1000 is once. */
  readonly overcommitThousandths: bigint;
}

/** Which services expand volumes. */
export interface Expansion {
  readonly byController: boolean;
  readonly byNode: boolean;
}

/** Features that flags enable; off by default. */
export interface Features {
  /** Whether the controller publishes volumes before they are staged. */
  readonly attach: boolean;
  /**
   * The names of the accepted mutable parameters, including names that mean nothing here; undefined if they are disabled.
   */
  readonly mutableParameters: ReadonlySet<string> | undefined;
  readonly listSnapshots: boolean;
  /** How the blocks of snapshots are reported; undefined if they are not. */
  readonly snapshotMetadata: BlockType | undefined;
  /** Whether calls out of order in the volume lifecycle are rejected even if nothing else requires the order. */
  readonly strictLifecycle: boolean;
  /** Whether a publish that does not say either way is for an inline volume. */
  readonly inlineByDefault: boolean;
}
