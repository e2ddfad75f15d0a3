/** The effect of a problem on the users of a volume (CSI specification, VolumeHealthErrorType). */
export type HealthStatus = 'DATA_LOSS' | 'INACCESSIBLE' | 'DEGRADED';

/** Every reason for a finding, and its status. docs/reference/health.md describes the remedies. */
export const healthReasons = {
  /** The record of a volume cannot be understood. */
  RecordDamaged: 'DATA_LOSS',
  /** The directory or image of a volume is gone. */
  DataMissing: 'DATA_LOSS',
  /** An image is smaller than its volume, or than the file system in it. */
  ImageTruncated: 'DATA_LOSS',
  /** An image contains data, but no file system that could be mounted. */
  FileSystemUnknown: 'INACCESSIBLE',
  /** The superblock of an image's file system asks for features that this driver refuses. */
  FileSystemRefused: 'INACCESSIBLE',
  /** The disk of a pool is missing. */
  PoolUnreachable: 'INACCESSIBLE',
  /** A disk, or the file system on it, answers with errors. */
  DiskError: 'INACCESSIBLE',
  /** The volume is not mounted where it was. */
  NotMounted: 'INACCESSIBLE',
  /** A block volume has lost its device. */
  NotAttached: 'INACCESSIBLE',
  /** A process with the device node of a block volume has asked the kernel to detach the device. */
  DetachedByOthers: 'DEGRADED',
  /** Something else is mounted where the volume was. */
  WrongMount: 'DEGRADED',
  /** The file system of an image or of a pool has recorded errors. */
  FileSystemErrors: 'DEGRADED',
  /** A volume was expanded, but its device or its file system was not. */
  ExpansionIncomplete: 'DEGRADED',
  /** A volume that pods should be able to write to is read-only. */
  UnexpectedlyReadOnly: 'DEGRADED',
  /** The file system of a pool is read-only. */
  PoolReadOnly: 'DEGRADED',
  /** Deleted content occupies space in a pool, because it cannot be removed. */
  DeletedContentLeft: 'DEGRADED',
  /** The capacity of the volume is not enforced. */
  CapacityNotEnforced: 'DEGRADED',
  /** Files of the volume were not charged to it: their project was changed. */
  QuotaBypassed: 'DEGRADED',
  /** Files of other volumes were charged to the volume. */
  QuotaMisused: 'DEGRADED',
  NearlyOutOfSpace: 'DEGRADED',
  NearlyOutOfInodes: 'DEGRADED',
  /** The configuration file has changed, and cannot be used as it is. */
  ConfigurationRefused: 'DEGRADED',
  /** The file system of a volume was frozen for a copy and could not be thawed. */
  Frozen: 'DEGRADED',
} as const satisfies Record<string, HealthStatus>;

export type HealthReason = keyof typeof healthReasons;

/** One problem. */
export interface Finding {
  readonly status: HealthStatus;
  readonly reason: HealthReason;
  /** A sentence that names the affected object. */
  readonly message: string;
  /** For problems that may occur at several paths. */
  readonly where?: AffectedPath;
  /** The name of the pool, if the problem affects a whole pool. */
  readonly pool?: string;
}

/** A path, and its problem in words that are the same for other paths. */
export interface AffectedPath {
  readonly problem: string;
  readonly path: string;
}

/** Called with each problem found with a volume or a pool. */
export type OnFinding = (
  subject: { readonly volumeId: string } | { readonly pool: string },
  found: Finding,
) => void;

export function finding(reason: HealthReason, message: string, where?: AffectedPath): Finding {
  return { status: healthReasons[reason], reason, message, ...(where ? { where } : {}) };
}
