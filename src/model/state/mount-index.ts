import type { Mounts } from '../ports/mounts-port.ts';
import type { Paths } from '../ports/paths-port.ts';
import type { MountCapability, VolumeCapability } from '../requests/capability.ts';

/** A mount of a volume in the index. */
export interface KnownMount {
  readonly volumeId: string;
  readonly path: string;
  /** Undefined while mounting is in progress: the path is taken, but there is no mount to confirm yet. */
  readonly mountId: number | undefined;
  readonly use: MountUse;
  /** When this driver process mounted it; undefined for a mount that it found. */
  readonly since: Date | undefined;
}

export type MountUse =
  | { readonly kind: 'staging'; readonly capability: MountCapability; readonly readOnly: boolean }
  | { readonly kind: 'target'; readonly capability: VolumeCapability; readonly readOnly: boolean }
  /** Found at start: the volume's root, staged or published. */
  | { readonly kind: 'found' }
  /** Found at start: a directory inside the volume, such as a pod's subPath. */
  | { readonly kind: 'inside' };

/**
 * The mounts of each volume: built from mountinfo at start, updated by each call. The kernel is the truth, and the
 * index is a hint that saves reading mountinfo, so a hit is confirmed before a call is refused because of it.
 */
export class MountIndex {
  private readonly paths: Paths;
  private readonly mounts: Mounts;
  private readonly now: () => Date;
  private readonly byVolume = new Map<string, Map<string, KnownMount>>();
  private readonly byPath = new Map<string, KnownMount>();
  private readonly byMountId = new Map<number, KnownMount>();

  constructor(paths: Paths, mounts: Mounts, now = () => new Date()) {
    this.paths = paths;
    this.mounts = mounts;
    this.now = now;
  }

  add(added: Omit<KnownMount, 'since'>): void {
    const mount = { ...added, since: this.sinceWhen(added) };
    this.removePath(mount.path);
    this.byPath.set(mount.path, mount);
    if (mount.mountId !== undefined) this.byMountId.set(mount.mountId, mount);
    const ofVolume = this.byVolume.get(mount.volumeId) ?? new Map<string, KnownMount>();
    ofVolume.set(mount.path, mount);
    this.byVolume.set(mount.volumeId, ofVolume);
  }

  private sinceWhen({ path, mountId, use }: Omit<KnownMount, 'since'>): Date | undefined {
    const known = this.byPath.get(path);
    // A retry found it mounted.
    if (known?.mountId !== undefined && known.mountId === mountId) return known.since;
    return use.kind === 'found' || use.kind === 'inside' ? undefined : this.now();
  }

  removePath(path: string): void {
    const known = this.byPath.get(path);
    if (!known) return;
    this.byPath.delete(path);
    if (known.mountId !== undefined && this.byMountId.get(known.mountId) === known) {
      this.byMountId.delete(known.mountId);
    }
    const ofVolume = this.byVolume.get(known.volumeId);
    ofVolume?.delete(path);
    if (ofVolume?.size === 0) this.byVolume.delete(known.volumeId);
  }

  at(path: string): KnownMount | undefined {
    return this.byPath.get(path);
  }

  /** The mount of a volume that has this id, if it still exists: the kernel reuses mount ids. */
  async withId(mountId: number): Promise<KnownMount | undefined> {
    const known = this.byMountId.get(mountId);
    return known && (await this.isStillMounted(known)) ? known : undefined;
  }

  /** The mounts of a volume, without asking the kernel. */
  mountsOf(volumeId: string): KnownMount[] {
    return [...(this.byVolume.get(volumeId)?.values() ?? [])];
  }

  /** The mounts of a volume that still exist; the others are dropped from the index. */
  async verifiedMountsOf(volumeId: string): Promise<KnownMount[]> {
    for (const known of this.mountsOf(volumeId)) {
      const isStillKnown = () => this.byPath.get(known.path) === known;
      if (!(await this.isStillMounted(known)) && isStillKnown()) this.removePath(known.path);
    }
    return this.mountsOf(volumeId);
  }

  private async isStillMounted({ path, mountId }: KnownMount): Promise<boolean> {
    if (mountId === undefined) return true;
    const state = await this.paths.inspect(path).catch(() => undefined);
    if (state && state.kind !== 'mounted' && state.kind !== 'unreadable') return false;
    if (state?.mountId === mountId) return true;
    // It is covered or replaced by another mount, or cannot be reached; only the full list shows which.
    const all = await this.mounts.list();
    return all.some((mount) => mount.mountId === mountId && mount.path === path);
  }
}
