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

/** Everything the operations on volumes work with. Made once, at start. */
export interface Model {
  readonly pools: Pools;
  readonly volumes: VolumeIndex;
  /** Volumes that were deleted and are kept for their owner: they count, and are otherwise not there. */
  readonly retained: VolumeIndex;
  /** The volumes that are being attached, which count against the limit of this node already. */
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
  /** What project quotas count, looked at in the background. */
  readonly recounts: Recounts;
  readonly sharing: SharingClaims;
  /** The ids of the volumes whose file systems this driver is freezing, or has frozen, now. */
  readonly frozen: InWork;
  /** The ids of the volumes that are being thawed because an earlier copy left them marked. */
  readonly thawing: InWork;
  /** The ids of the volumes whose content is being taken away or expanded. */
  readonly volumesInWork: InWork;
  /** The staging and target paths where something is being mounted or unmounted. */
  readonly pathsInWork: InWork;
  readonly paths: MountPaths;
  /** Where this node is; undefined when topology is switched off. */
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

/** The pools that an operator has given up, by id, whose objects are gone with them. */
export interface AbandonedPools {
  readonly ids: ReadonlySet<string>;
  /** Told when an object is taken for deleted because its pool was given up. */
  readonly onDelete: (id: string, poolId: string) => void;
}

/** What sizes volumes may have. */
export interface SizeLimits {
  /** The largest volume. */
  readonly maximumVolumeBytes: bigint;
  /** The largest that NodeExpandVolume makes. */
  readonly maximumNodeExpansionBytes: bigint;
  /** How many times the room there is may be reserved, in thousandths; 1000 is once. */
  readonly overcommitThousandths: bigint;
}

/** Which services expand volumes. */
export interface Expansion {
  readonly byController: boolean;
  readonly byNode: boolean;
}

/** What is switched on by flags, and off without them. */
export interface Features {
  /** Whether the controller publishes volumes before they are staged. */
  readonly attach: boolean;
  /** The mutable parameters that are taken, by name, also such as mean nothing here; undefined where none are. */
  readonly mutableParameters: ReadonlySet<string> | undefined;
  readonly listSnapshots: boolean;
  /** How the blocks of snapshots are told; undefined where they are not. */
  readonly snapshotMetadata: BlockType | undefined;
  /** Whether calls are held to the order of the volume life cycle where nothing else needs that. */
  readonly strictLifecycle: boolean;
  /** Whether a publish that does not say so either way is one of an inline volume. */
  readonly inlineByDefault: boolean;
}

/** What the Node service tells of this node (CSI specification, NodeGetInfo). */
export interface NodeIdentity {
  readonly id: string;
  /** How many volumes it may have; 0 leaves it to the CO. */
  readonly volumeLimit: number;
}
