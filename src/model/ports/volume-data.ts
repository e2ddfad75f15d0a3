import { posix } from 'node:path';
import { directoryNameOf } from '../objects/object-id.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Volume } from '../objects/volume.ts';
import type { Pool } from './pool.ts';
import type {
  Backend,
  ContentFault,
  ContentLoss,
  OccupiedBytes,
  Recount,
  RecountControl,
  RestoreOptions,
  StoredContent,
  VolumeUsage,
} from './ports.ts';

/** The data of a volume in its pool: the operations of its backend, on its directory. */
export class VolumeData {
  private readonly volume: Volume;
  private readonly backend: Backend;
  /** Where the data and the record of the volume lie. */
  readonly directory: string;

  /** @param home whether it is among the existing or the retained volumes of the pool */
  constructor(
    { records, backends }: Pick<Pool, 'records' | 'backends'>,
    volume: Volume,
    home: 'volumes' | 'retained' = 'volumes',
  ) {
    this.volume = volume;
    this.backend = backends[volume.content.backend];
    this.directory = records[home].directoryOf(volume.id);
  }

  /** What is mounted or attached when the volume is staged: a directory, or an image file. */
  get path(): string {
    return this.backend.contentOf(this.directory);
  }

  /** As `Backend.lossOf`. */
  loss(): Promise<ContentLoss | undefined> {
    return this.backend.lossOf(this.directory, this.volume);
  }

  /** As `Backend.faultsOf`. */
  faults(): Promise<readonly ContentFault[]> {
    return this.backend.faultsOf(this.directory, this.volume);
  }

  /** As `Backend.originalIn`. */
  original(): Promise<StoredContent> {
    return this.backend.originalIn(this.directory);
  }

  usage(): Promise<VolumeUsage | undefined> {
    return this.backend.usage(this.directory, this.volume);
  }

  occupiedBytes(): Promise<OccupiedBytes> {
    return this.backend.occupiedBytes(this.directory, this.volume);
  }

  /**
   * As `Backend.applyLimits`.
   * @param changed the volume as it will be recorded
   */
  applyLimits(changed: Volume = this.volume): Promise<void> {
    return this.backend.applyLimits(this.directory, changed);
  }

  restoreLimits(how?: RestoreOptions): Promise<boolean> {
    return this.backend.restoreLimits(this.directory, this.volume, how);
  }

  /** As `Backend.undoGrowth`: returns the size in bytes that is enforced now. */
  undoGrowth(): Promise<bigint> {
    return this.backend.undoGrowth(this.directory, this.volume);
  }

  recount(control: RecountControl): Promise<Recount | undefined> {
    return this.backend.recount(this.directory, this.volume, control);
  }
}

/** The data of a snapshot in its pool. */
export class SnapshotData {
  /** The directory with the snapshot's data; for a member of a group it lies in the group's directory. */
  readonly directory: string;
  private readonly snapshot: Snapshot;
  private readonly backend: Backend;

  constructor({ records, backends }: Pick<Pool, 'records' | 'backends'>, snapshot: Snapshot) {
    const { id, groupId, content } = snapshot;
    this.snapshot = snapshot;
    this.backend = backends[content.backend];
    this.directory =
      groupId === undefined
        ? records.snapshots.directoryOf(id)
        : memberDirectory(records.groups.directoryOf(groupId), id);
  }

  /** A directory, or an image file. */
  get path(): string {
    return this.backend.contentOf(this.directory);
  }

  /** As `Backend.lossOf`. */
  loss(): Promise<ContentLoss | undefined> {
    const { content, sizeBytes } = this.snapshot;
    return this.backend.lossOf(this.directory, { content, capacityBytes: sizeBytes });
  }

  /** As `Backend.originalIn`. */
  original(): Promise<StoredContent> {
    return this.backend.originalIn(this.directory);
  }
}

/** The directory of a snapshot in the directory of its group. */
export function memberDirectory(groupDirectory: string, snapshotId: string): string {
  return posix.join(groupDirectory, directoryNameOf(snapshotId));
}
