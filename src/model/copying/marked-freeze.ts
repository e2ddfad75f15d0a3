import { withFileSystemErrors } from '../content/content-defects.ts';
import type { Volume } from '../objects/volume.ts';
import type { HeldFileSystem } from '../ports/file-systems-port.ts';

/** A volume and its mounted file system. */
export interface MountedVolume {
  readonly volume: Volume;
  readonly fileSystem: HeldFileSystem;
}

/** The freeze of one volume, and whether its mark on the pool's disk is still needed. */
export class MarkedFreeze {
  readonly volumeId: string;
  private readonly volume: Volume;
  private readonly fileSystem: HeldFileSystem;
  /** Whether an earlier copy left the mark: the file system may have been frozen since then. */
  private isLeftover = false;
  private isMarked = false;
  private isFrozen = false;
  private freezing: Promise<unknown> = Promise.resolve();
  private thawing: Promise<void> | undefined;

  constructor({ volume, fileSystem }: MountedVolume) {
    this.volumeId = volume.id;
    this.volume = volume;
    this.fileSystem = fileSystem;
  }

  /** Records that the volume has a mark, which may be from an earlier copy. */
  setMarked({ isLeftover }: { isLeftover: boolean }): void {
    this.isMarked = true;
    this.isLeftover = isLeftover;
  }

  clearMarked(): void {
    this.isMarked = false;
  }

  /** Whether it has a mark that is known to be unnecessary. */
  get isMarkStale(): boolean {
    return this.isMarked && !this.isLeftover && !this.isFrozen;
  }

  async freeze(): Promise<void> {
    const freezing = withFileSystemErrors(this.volume, this.fileSystem.freeze());
    this.freezing = freezing.catch(() => {});
    const wasFrozenHere = await freezing;
    // A file system frozen by another process stands still too, but that process must thaw it; one left frozen by an
    // earlier copy is ours to thaw.
    this.isFrozen = wasFrozenHere || this.isLeftover;
    this.isLeftover = false;
  }

  /**
   * Thaws it if it was frozen here. Concurrent calls share one thaw: a second could thaw a later freeze of another process.
   */
  thaw(): Promise<void> {
    this.thawing ??= this.thawOnce().finally(() => {
      this.thawing = undefined;
    });
    return this.thawing;
  }

  private async thawOnce(): Promise<void> {
    // Until the kernel has answered, it is unknown whether it is frozen.
    await this.freezing;
    if (!this.isFrozen) return;
    await withFileSystemErrors(this.volume, this.fileSystem.thaw());
    this.isFrozen = false;
  }
}
