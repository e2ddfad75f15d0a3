import { posix } from 'node:path';
import type { MountedPath, MountedState, Mounts } from '../ports/mounts-port.ts';
import { isWithin } from '../requests/within.ts';

/** Where a file or directory lies in its file system, whatever mount shows it. */
export interface Location {
  /** As of `MountedPath`. */
  readonly fileSystem: string;
  /** Its path from the top of the file system. */
  readonly path: string;
}

/**
 * Where paths, and the pools, lie in their file systems. A directory of a pool may be bound anywhere, and a pod may give its
 * own directories the names of a pool's: neither is told by a path alone.
 */
export class Locations {
  private readonly mounts: Mounts;
  private readonly pools = new Map<string, Location>();
  /** Mounts that were looked up in the list of all, which is long, with what is mounted there. */
  private readonly seen = new Map<number, { readonly mount: MountedPath; readonly root: MountedState }>();

  constructor(mounts: Mounts) {
    this.mounts = mounts;
  }

  /** Where a path lies that exists; undefined where it does not, or in no mount that the driver sees. */
  async of(path: string): Promise<Location | undefined> {
    const state = await this.mounts.inspect(path);
    if (!('mountId' in state) || state.mountId === undefined) return undefined;
    return this.inMount(state.mountId, path);
  }

  /** The same for a path of which it is known in which mount it lies. */
  async inMount(mountId: number, path: string): Promise<Location | undefined> {
    const mount = await this.mountWithId(mountId);
    return mount && locationIn(mount, path);
  }

  /** Learns where a pool lies, whose disk is there. */
  async enterPool({ name, path }: { readonly name: string; readonly path: string }): Promise<void> {
    const location = await this.of(path);
    if (location) this.setPool(name, location);
  }

  setPool(name: string, location: Location): void {
    this.pools.set(name, location);
  }

  /** The names below a pool's directory that lead to a location; undefined where it lies in no pool. */
  namesInPool({ fileSystem, path }: Location): string[] | undefined {
    for (const pool of this.pools.values()) {
      if (pool.fileSystem !== fileSystem || !isWithin(path, pool.path)) continue;
      return path.slice(pool.path.length).split('/').filter(Boolean);
    }
    return undefined;
  }

  private async mountWithId(mountId: number): Promise<MountedPath | undefined> {
    const seen = this.seen.get(mountId);
    // The kernel gives a free id out again.
    if (seen && (await this.isStillThere(seen))) return seen.mount;
    this.seen.delete(mountId);
    const mount = (await this.mounts.list()).find((each) => each.mountId === mountId);
    if (!mount) return undefined;
    const root = await this.mounts.inspect(mount.path);
    if (root.kind === 'mounted' && root.mountId === mountId) this.seen.set(mountId, { mount, root });
    return mount;
  }

  private async isStillThere({ mount, root }: { mount: MountedPath; root: MountedState }): Promise<boolean> {
    const state = await this.mounts.inspect(mount.path);
    if (state.kind !== 'mounted' || state.mountId !== root.mountId) return false;
    const { inode, device } = state.identity;
    return inode === root.identity.inode && device === root.identity.device;
  }
}

/** Where a path in a mount lies; undefined where it does not lie in it. */
export function locationIn(
  { path: mountPath, root, fileSystem }: MountedPath,
  path: string,
): Location | undefined {
  if (!isWithin(path, mountPath)) return undefined;
  return { fileSystem, path: posix.join(root, path.slice(mountPath.length)) };
}
