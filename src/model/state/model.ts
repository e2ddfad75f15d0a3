import type { OnFinding } from '../objects/finding.ts';
import type { ObjectIndex } from '../objects/object-index.ts';
import type { GroupSnapshot } from '../objects/snapshot.ts';
import type { SnapshotIndex } from '../objects/snapshot-index.ts';
import type { TopologySegments } from '../objects/topology.ts';
import type { VolumeIndex } from '../objects/volume-index.ts';
import type { BlockMaps, BlockType } from '../ports/block-maps.ts';
import type { Devices, ImageFormatter } from '../ports/devices-port.ts';
import type { Mounts } from '../ports/mounts-port.ts';
import type { Pools } from '../ports/pool.ts';
import type { MountPaths } from '../requests/mount-paths.ts';
import type { OnStep } from '../steps.ts';
import type { Copies } from './copies.ts';
import type { InWork } from './in-work.ts';
import type { Locations } from './locations.ts';
import type { MountIndex } from './mount-index.ts';
import type { Recounts } from './recounts.ts';
import type { SharingClaims } from './sharing-claims.ts';

/** Everything that the operations on volumes work with. Created once, at start. */
export interface Model {
  readonly pools: Pools;
  readonly volumes: VolumeIndex;
  /** Volumes that were deleted and are kept for their owner: they count, but otherwise do not exist. */
  readonly retained: VolumeIndex;
  /** The volumes that are being attached, which already count against the limit of this node. */
  readonly attaching: Set<string>;
  readonly snapshots: SnapshotIndex;
  readonly groups: ObjectIndex<GroupSnapshot>;
  readonly mounts: Mounts;
  readonly locations: Locations;
  readonly devices: Devices;
  readonly formatter: ImageFormatter;
  readonly blockMaps: BlockMaps;
  readonly mountIndex: MountIndex;
  readonly copies: Copies;
  /** Background recounts of project quotas. */
  readonly recounts: Recounts;
  readonly sharing: SharingClaims;
  /** The ids of the volumes whose file systems this driver is freezing, or has frozen. */
  readonly frozen: InWork;
  /** The ids of the volumes that are being thawed because an earlier copy left them marked. */
  readonly thawing: InWork;
  /** The ids of the volumes whose content is being deleted or expanded. */
  readonly volumesInWork: InWork;
  /** The staging and target paths at which a mount or unmount is in progress. */
  readonly pathsInWork: InWork;
  readonly paths: MountPaths;
  /** The topology of this node; undefined if topology is switched off. */
  readonly topology: TopologySegments | undefined;
  readonly limits: SizeLimits;
  readonly expansion: Expansion;
  readonly features: Features;
  readonly abandoned: AbandonedPools;
  readonly node: NodeIdentity;
  readonly onStep: OnStep;
  readonly onFinding: OnFinding;
  readonly now: () => Date;
}

/** The pools that an operator has abandoned, by id; their objects are gone with them. */
export interface AbandonedPools {
  readonly ids: ReadonlySet<string>;
  /** Called when an object counts as deleted because its pool was abandoned. */
  readonly onDelete: (id: string, poolId: string) => void;
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

/** This node, as the Node service reports it (CSI specification, NodeGetInfo). */
export interface NodeIdentity {
  readonly id: string;
  /** How many volumes the node may have; 0 lets the CO decide. */
  readonly volumeLimit: number;
}
