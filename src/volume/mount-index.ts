import type { AccessMode } from './access-mode.ts';
import type { Mounts } from './ports.ts';

/** One mount of a volume that the index knows of. */
export interface KnownMount {
  readonly volumeId: string;
  readonly path: string;
  /** Undefined while the mount is being made: the path is taken, but there is nothing to confirm yet. */
  readonly mountId: number | undefined;
  readonly use: MountUse;
}

export type MountUse =
  | { readonly kind: 'staging' }
  | { readonly kind: 'target'; readonly accessMode: AccessMode }
  /** Found at start: the volume's root, staged or published. */
  | { readonly kind: 'found' }
  /** Found at start: a directory inside the volume, such as a pod's subPath. */
  | { readonly kind: 'inside' };

/**
 * Which mounts a volume has: built from mountinfo at start, kept by each call. The kernel is the truth and this
 * is a hint that saves reading mountinfo, so a hit is confirmed before anything is refused because of it.
 */
export class MountIndex {
  private readonly mounts: Mounts;
  private readonly byVolume = new Map<string, Map<string, KnownMount>>();
  private readonly byPath = new Map<string, KnownMount>();

  constructor(mounts: Mounts) {
    this.mounts = mounts;
  }

  add(mount: KnownMount): void {
    this.removePath(mount.path);
    this.byPath.set(mount.path, mount);
    const ofVolume = this.byVolume.get(mount.volumeId) ?? new Map<string, KnownMount>();
    ofVolume.set(mount.path, mount);
    this.byVolume.set(mount.volumeId, ofVolume);
  }

  removePath(path: string): void {
    const known = this.byPath.get(path);
    if (!known) return;
    this.byPath.delete(path);
    const ofVolume = this.byVolume.get(known.volumeId);
    ofVolume?.delete(path);
    if (ofVolume?.size === 0) this.byVolume.delete(known.volumeId);
  }

  at(path: string): KnownMount | undefined {
    return this.byPath.get(path);
  }

  /** The mounts of a volume, without asking the kernel. */
  of(volumeId: string): KnownMount[] {
    return [...(this.byVolume.get(volumeId)?.values() ?? [])];
  }

  /** The mounts of a volume that are really there; what is not is forgotten. */
  async confirmed(volumeId: string): Promise<KnownMount[]> {
    for (const known of this.of(volumeId)) {
      const isStillKnown = () => this.byPath.get(known.path) === known;
      if (!(await this.isThere(known)) && isStillKnown()) this.removePath(known.path);
    }
    return this.of(volumeId);
  }

  private async isThere({ path, mountId }: KnownMount): Promise<boolean> {
    if (mountId === undefined) return true;
    const state = await this.mounts.inspect(path);
    if (state.kind !== 'mounted') return false;
    if (state.mountId === mountId) return true;
    // Something else was mounted on top of it, or instead of it; only the whole list tells which.
    const all = await this.mounts.list();
    return all.some((mount) => mount.mountId === mountId && mount.path === path);
  }
}
