/** What something wrong means for those who use a volume (CSI specification, VolumeHealthErrorType). */
export type HealthStatus = 'DATA_LOSS' | 'INACCESSIBLE' | 'DEGRADED';

/** Everything that is ever found to be wrong, and what it means. docs/health.md says what to do about it. */
export const healthReasons = {
  /** The record of a volume cannot be understood. */
  RecordDamaged: 'DATA_LOSS',
  /** The directory or image of a volume is gone. */
  DataMissing: 'DATA_LOSS',
  /** An image is shorter than its volume, or than the file system in it. */
  ImageTruncated: 'DATA_LOSS',
  /** An image holds something, and no file system that could be mounted. */
  FileSystemUnknown: 'INACCESSIBLE',
  /** The superblock of an image's file system asks for what this driver does not do. */
  FileSystemRefused: 'INACCESSIBLE',
  /** The disk of a pool is not there. */
  PoolUnreachable: 'INACCESSIBLE',
  /** A disk, or the file system on it, answers with errors. */
  DiskError: 'INACCESSIBLE',
  /** The volume is not mounted where it was. */
  NotMounted: 'INACCESSIBLE',
  /** A block volume has lost its device. */
  NotAttached: 'INACCESSIBLE',
  /** Whoever has the node of a block volume's device has asked the kernel to detach it. */
  DetachedByOthers: 'DEGRADED',
  /** Something else is mounted where the volume was. */
  WrongMount: 'DEGRADED',
  /** The file system of an image has recorded errors. */
  FileSystemErrors: 'DEGRADED',
  /** A volume has grown, and its device or its file system has not. */
  ExpansionIncomplete: 'DEGRADED',
  /** Nobody can write where pods should. */
  UnexpectedlyReadOnly: 'DEGRADED',
  /** The file system of a pool takes no writes. */
  PoolReadOnly: 'DEGRADED',
  /** What was deleted takes up space of a pool, because it cannot be removed. */
  DeletedContentLeft: 'DEGRADED',
  /** Nothing holds the volume to its size. */
  CapacityNotEnforced: 'DEGRADED',
  /** Files of the volume were not counted for it: somebody has changed their project. */
  QuotaBypassed: 'DEGRADED',
  /** Files of other volumes were counted for the volume. */
  QuotaMisused: 'DEGRADED',
  NearlyOutOfSpace: 'DEGRADED',
  NearlyOutOfInodes: 'DEGRADED',
  /** The file system of a volume was frozen for a copy and could not be thawed. */
  Frozen: 'DEGRADED',
} as const satisfies Record<string, HealthStatus>;

export type HealthReason = keyof typeof healthReasons;

/** One thing that is wrong. */
export interface Finding {
  readonly status: HealthStatus;
  readonly reason: HealthReason;
  /** A sentence that names what it is about. */
  readonly message: string;
  /** For what may be found at several paths. */
  readonly where?: Place;
  /** The name of the pool, for what is found of a pool as a whole. */
  readonly pool?: string;
}

/** A path, and what is wrong there, in words that are the same for other paths. */
export interface Place {
  readonly what: string;
  readonly path: string;
}

/** What is found to be wrong with a volume, or with a pool. */
export type OnFinding = (
  subject: { readonly volumeId: string } | { readonly pool: string },
  found: Finding,
) => void;

export function finding(reason: HealthReason, message: string, where?: Place): Finding {
  return { status: healthReasons[reason], reason, message, ...(where ? { where } : {}) };
}
