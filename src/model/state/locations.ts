import { posix } from 'node:path';
import type { MountedPath, Mounts } from '../ports/mounts-port.ts';
import type { MountedState, Paths } from '../ports/paths-port.ts';
import { isWithin } from '../requests/mount-paths.ts';

/** The location of a file or directory in its file system, whichever mount shows it. */
export interface Location {
  /** As in `MountedPath`. */
  readonly fileSystem: string;
  /** The path from the top of the file system. */
  readonly path: string;
}

/**
 * The locations of paths and pools in their file systems. A directory of a pool may be bind-mounted anywhere, and a
 * pod may name its own directories like those of a pool: a path alone identifies neither.
 */
export class Locations {
  private readonly paths: Paths;
  private readonly mounts: Mounts;
  private readonly pools = new Map<string, Location>();
  /** Mounts already looked up in the full list, which is long, with their roots. */
  private readonly seen = new Map<number, { readonly mount: MountedPath; readonly root: MountedState }>();

  constructor(paths: Paths, mounts: Mounts) {
    this.paths = paths;
    this.mounts = mounts;
  }

  /** The location of an existing path; undefined if it does not exist, or is not in any mount that the driver sees. */
  async locate(path: string): Promise<Location | undefined> {
    const state = await this.paths.inspect(path);
    if (!('mountId' in state) || state.mountId === undefined) return undefined;
    return this.inMount(state.mountId, path);
  }

  /** The same for a path whose mount is known. */
  async inMount(mountId: number, path: string): Promise<Location | undefined> {
    const mount = await this.mountWithId(mountId);
    return mount && locationIn(mount, path);
  }

  /** Records the location of a pool whose disk is present. */
  async registerPool({ name, path }: { readonly name: string; readonly path: string }): Promise<void> {
    const location = await this.locate(path);
    if (location) this.setPool(name, location);
  }

  setPool(name: string, location: Location): void {
    this.pools.set(name, location);
  }

  /** The names below a pool's directory that lead to a location; undefined if it is not in a pool. */
  namesInPool({ fileSystem, path }: Location): string[] | undefined {
    for (const pool of this.pools.values()) {
      if (pool.fileSystem !== fileSystem || !isWithin(path, pool.path)) continue;
      return path.slice(pool.path.length).split('/').filter(Boolean);
    }
    return undefined;
  }

  private async mountWithId(mountId: number): Promise<MountedPath | undefined> {
    const seen = this.seen.get(mountId);
    // The kernel reuses mount ids.
    if (seen && (await this.isStillMounted(seen))) return seen.mount;
    this.seen.delete(mountId);
    const mount = (await this.mounts.list()).find((each) => each.mountId === mountId);
    if (!mount) return undefined;
    const root = await this.paths.inspect(mount.path);
    if (root.kind === 'mounted' && root.mountId === mountId) this.seen.set(mountId, { mount, root });
    return mount;
  }

  private async isStillMounted({
    mount,
    root,
  }: {
    mount: MountedPath;
    root: MountedState;
  }): Promise<boolean> {
    const state = await this.paths.inspect(mount.path);
    if (state.kind !== 'mounted' || state.mountId !== root.mountId) return false;
    const { inode, device } = state.identity;
    return inode === root.identity.inode && device === root.identity.device;
  }
}

/** The location of a path in a mount; undefined if the path is not in it. */
function locationIn({ path: mountPath, root, fileSystem }: MountedPath, path: string): Location | undefined {
  if (!isWithin(path, mountPath)) return undefined;
  return { fileSystem, path: posix.join(root, path.slice(mountPath.length)) };
}
