import { closeSync } from 'node:fs';
import { errno, errnoName, errnoOf, isErrno } from '../../kernel/calls/errno.ts';
import type { LocalRoot } from '../../kernel/calls/local-roots.ts';
import { openHandle, withPath } from '../../kernel/calls/path-handle.ts';
import { type FileStatus, isSameInMount, statusOf } from '../../kernel/calls/statx.ts';
import { isResourceShortage, retry } from '../../kernel/calls/transient-error.ts';
import { startLookupsAt, stopLookupsAt } from '../../kernel/file-systems/local-lookups.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { type KindDirectoryName, kindDirectories, type PoolLayout } from '../../records/pool-layout.ts';

/** A pool's root and its directories of objects, kept open while the pool is connected. */
export class PoolDirectories {
  private readonly poolName: string;
  private readonly layout: PoolLayout;
  private readonly opened: FileStatus;
  /** Undefined if the pool's file system has a server, which a look would have to wait for. */
  private readonly root: LocalRoot | undefined;
  private readonly kinds: ReadonlyMap<
    KindDirectoryName,
    { readonly fd: number; readonly opened: FileStatus }
  >;

  private constructor(
    { poolName, layout, opened }: { poolName: string; layout: PoolLayout; opened: FileStatus },
    root: LocalRoot | undefined,
    kinds: PoolDirectories['kinds'],
  ) {
    this.poolName = poolName;
    this.layout = layout;
    this.opened = opened;
    this.root = root;
    this.kinds = kinds;
  }

  /** @param opened the root, as it was opened */
  static async open(poolName: string, layout: PoolLayout, opened: FileStatus): Promise<PoolDirectories> {
    const kinds = new Map<KindDirectoryName, { fd: number; opened: FileStatus }>();
    try {
      for (const name of kindDirectories) {
        const fd = await openHandle(layout[name]);
        try {
          kinds.set(name, { fd, opened: statusOf(fd) });
        } catch (error) {
          closeSync(fd);
          throw error;
        }
      }
      const root = await startLookupsAt(layout.root);
      return new PoolDirectories({ poolName, layout, opened }, root, kinds);
    } catch (error) {
      for (const { fd } of kinds.values()) closeSync(fd);
      throw error;
    }
  }

  /**
   * Checks that the directories are still the ones that were opened. On a local file system this waits for nothing: what is kept
   * open is in the kernel's cache.
   * @throws VolumeError unavailable: another directory or file system is now at one of their paths
   */
  async check(): Promise<void> {
    const { root } = this;
    await this.checkSame(this.layout.root, this.opened, root && (() => root.status()));
    for (const [name, { opened }] of this.kinds)
      await this.checkSame(this.layout[name], opened, root && (() => root.statusBelow(name)));
  }

  close(): void {
    if (this.root) stopLookupsAt(this.root);
    for (const { fd } of this.kinds.values()) closeSync(fd);
  }

  private async checkSame(path: string, opened: FileStatus, look?: () => FileStatus): Promise<void> {
    const now = await this.statusAt(path, look);
    if (now && isSameInMount(now, opened)) return;
    throw new VolumeError(
      'unavailable',
      `pool ${quote(this.poolName)} is not reachable: ${path} is now another directory or file system`,
    );
  }

  /** @returns undefined if nothing exists at the path */
  private async statusAt(path: string, look?: () => FileStatus): Promise<FileStatus | undefined> {
    try {
      if (look) return look();
      // Only a shortage is retried; an error of the disk is reported at once.
      return await retry(() => withPath(path, statusOf), isResourceShortage);
    } catch (error) {
      if (isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) return undefined;
      const message = `pool ${quote(this.poolName)} is not reachable: cannot access ${path}${reasonOf(error)}`;
      throw new VolumeError('unavailable', message, { cause: error });
    }
  }
}

function reasonOf(error: unknown): string {
  const number = errnoOf(error);
  return number === undefined ? '' : ` (${errnoName(number)})`;
}
