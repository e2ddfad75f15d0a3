/**
 * What there is: the document behind `csi-hostpath status`, and its output with `-o json`. Sizes are bytes, times ISO 8601 in
 * UTC. A value that is not known is absent. Scripts read this: fields are added, and not changed.
 */
export interface StatusReport {
  readonly formatVersion: 1;
  /** Absent if the report was read from the disks, because no driver was running. */
  readonly driver?: DriverReport;
  readonly pools: readonly PoolReport[];
  readonly volumes: readonly VolumeReport[];
  readonly snapshots: readonly SnapshotReport[];
  readonly groupSnapshots: readonly GroupReport[];
  /** Deleted volumes whose content is kept (onDelete: retain, archive). */
  readonly retained: readonly RetainedReport[];
  /** Objects whose record cannot be understood. */
  readonly damaged: readonly DamagedReport[];
  readonly jobs: readonly JobReport[];
}

export interface DriverReport {
  readonly name: string;
  readonly version: string;
  readonly nodeId: string;
  /** The segments by which the scheduler finds its node; absent if topology is off. */
  readonly topology?: Readonly<Record<string, string>>;
  readonly startedAt: string;
}

export interface SpaceReport {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly availableBytes: number;
}

export interface InodesReport {
  readonly total: number;
  readonly used: number;
}

export interface FindingReport {
  /** As in docs/reference/health.md. */
  readonly reason: string;
  readonly status: string;
  readonly message: string;
}

export interface PoolReport {
  readonly name: string;
  /** Part of the id of each of its objects. */
  readonly id: string;
  readonly path: string;
  readonly isReachable?: boolean;
  /** Whether everything about it was found out just now; otherwise some of it is older, or missing. */
  readonly isComplete?: boolean;
  /** How it holds directory volumes: directory, quota or subvolume. */
  readonly directories?: string;
  readonly sharesBlocks?: boolean;
  /** The disk of the pool, including what others have on it. */
  readonly space?: SpaceReport;
  readonly inodes?: InodesReport;
  /** What its volumes may take together. */
  readonly reservedBytes?: number;
  /** What a new volume can get. */
  readonly provisionableBytes?: number;
  readonly volumeCount: number;
  readonly snapshotCount: number;
  readonly findings: readonly FindingReport[];
}

export interface VolumeReport {
  readonly id: string;
  readonly name?: string;
  readonly claim?: ClaimReport;
  readonly pool: string;
  /** directory, quota, subvolume or image. */
  readonly backend: string;
  readonly mode: 'Block' | 'Filesystem';
  readonly fsType?: string;
  readonly sizeBytes: number;
  /** Whether writes past its size fail. */
  readonly isSizeEnforced: boolean;
  readonly usedBytes?: number;
  readonly inodes?: InodesReport;
  readonly source?: { readonly kind: 'snapshot' | 'volume'; readonly id: string };
  readonly createdAt: string;
  readonly onDelete: string;
  /** As in its capabilities (CSI specification, AccessMode). */
  readonly accessModes: readonly string[];
  /** As in CreateVolume's reply. */
  readonly context: Readonly<Record<string, string>>;
  /** Whether it belongs to a pod, and is deleted with it. */
  readonly isInline: boolean;
  readonly mounts: readonly MountReport[];
  readonly findings: readonly FindingReport[];
}

export interface ClaimReport {
  readonly namespace: string;
  readonly name: string;
}

export interface MountReport {
  readonly path: string;
  /** A staged volume is published to pods from there. Found: by a driver that started later, or of a directory in the volume. */
  readonly kind: 'staged' | 'published' | 'found';
  /** Absent if it was mounted before the driver started. */
  readonly since?: string;
}

export interface SnapshotReport {
  readonly id: string;
  readonly name?: string;
  readonly pool: string;
  readonly sourceVolumeId: string;
  readonly groupId?: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
}

export interface GroupReport {
  readonly id: string;
  readonly name: string;
  readonly pool: string;
  readonly snapshotIds: readonly string[];
  readonly createdAt: string;
}

export interface RetainedReport {
  readonly id: string;
  readonly name?: string;
  readonly claim?: ClaimReport;
  readonly pool: string;
  readonly sizeBytes: number;
  readonly directory: string;
  /** retain or archive. */
  readonly onDelete: string;
  /** Absent if a driver that did not record it deleted the volume. */
  readonly deletedAt?: string;
  /** When the driver removes it; absent for never. */
  readonly expiresAt?: string;
}

export interface DamagedReport {
  readonly kind: 'volume' | 'snapshot' | 'group snapshot';
  readonly id: string;
  readonly pool: string;
  readonly reason: string;
}

/** Work that goes on in the background. */
export type JobReport = CopyReport | RemovalReport;

export interface CopyReport {
  readonly kind: 'copy';
  readonly pool: string;
  /** The new volume or snapshot. */
  readonly id: string;
  /** The source of the copy. */
  readonly from: string;
  readonly copiedBytes: number;
  /** About how much there is to copy in all. */
  readonly expectedBytes?: number;
  /** Whether it waits for a file that a process holds a lease on. */
  readonly isWaiting: boolean;
}

/** The removal of deleted content in a pool. */
export interface RemovalReport {
  readonly kind: 'removal';
  readonly pool: string;
  readonly directoryCount: number;
  /** Those that several attempts could not remove. */
  readonly stuck: readonly { readonly directory: string; readonly reason: string }[];
}
