import { inFileSystem } from '../content/in-file-system.ts';
import type { Volume } from '../objects/volume.ts';
import type { HeldFileSystem } from '../ports/mounts-port.ts';

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
  /** A mark that an earlier copy left: the file system may be frozen since then. */
  private isLeft = false;
  private isMarked = false;
  private isFrozen = false;
  private freezing: Promise<unknown> = Promise.resolve();
  private thawing: Promise<void> | undefined;

  constructor({ volume, fileSystem }: MountedVolume) {
    this.volumeId = volume.id;
    this.volume = volume;
    this.fileSystem = fileSystem;
  }

  /** Notes that the volume has a mark now, which may be an earlier copy's. */
  marked({ isLeft }: { isLeft: boolean }): void {
    this.isMarked = true;
    this.isLeft = isLeft;
  }

  unmarked(): void {
    this.isMarked = false;
  }

  /** Whether it has a mark, and is known to need none. */
  get isMarkStale(): boolean {
    return this.isMarked && !this.isLeft && !this.isFrozen;
  }

  async freeze(): Promise<void> {
    const freezing = inFileSystem(this.volume, this.fileSystem.freeze());
    this.freezing = freezing.catch(() => {});
    const isOurs = await freezing;
    // What another process has frozen stands still as well, and is its to thaw; what an earlier copy left is ours.
    this.isFrozen = isOurs || this.isLeft;
    this.isLeft = false;
  }

  /** Thaws it if it was frozen here. Two thaws at once are one: a second could thaw what another process froze since. */
  thaw(): Promise<void> {
    this.thawing ??= this.thawOnce().finally(() => {
      this.thawing = undefined;
    });
    return this.thawing;
  }

  private async thawOnce(): Promise<void> {
    // Until the kernel has answered, nobody knows whether it is frozen.
    await this.freezing;
    if (!this.isFrozen) return;
    await inFileSystem(this.volume, this.fileSystem.thaw());
    this.isFrozen = false;
  }
}
