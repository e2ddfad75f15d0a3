import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readlink, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { type NamePath, namesOf } from '../model/objects/name-template.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { VolumeNames } from '../model/ports/ports.ts';
import { driverOnlyMode, type PoolLayout } from './pool-layout.ts';

/** The text of a link that this class makes. Others are left alone. */
const OWN_TEXT = /^(?:\.\.\/)+volumes\/[^/]+\/(?:data|image)$/;

/**
 * The names on the pool's own disk: a tree of symbolic links in `names/`. It is not synced, since it can be made again from the
 * records. No link is followed: a volume's users decide what is behind it.
 */
export class DiskVolumeNames implements VolumeNames {
  private readonly root: string;
  private readonly incoming: string;
  private readonly onFailure: (error: unknown) => void;
  private hasFailed = false;
  /** One change after another, so that none removes a directory that another needs. */
  private last: Promise<void> = Promise.resolve();

  /** @param onFailure called once, until a change succeeds */
  constructor(layout: PoolLayout, onFailure: (error: unknown) => void) {
    this.root = layout.names;
    this.incoming = layout.incoming;
    this.onFailure = onFailure;
  }

  async add(volume: Volume): Promise<void> {
    if (volume.nameTemplate === undefined) return;
    await this.inTurn(() => this.link(volume));
  }

  async remove(volume: Volume): Promise<void> {
    if (volume.nameTemplate === undefined) return;
    await this.inTurn(async () => {
      if (!(await this.hasRoot())) return;
      for (const path of candidatesOf(volume)) {
        if ((await this.textAt(path)) === textFor(volume, path)) await this.unlink(path);
      }
    });
  }

  rebuild(volumes: () => readonly Volume[]): Promise<void> {
    return this.inTurn(async () => {
      const named = volumes().filter(({ nameTemplate }) => nameTemplate !== undefined);
      const links = (await this.hasRoot()) ? await this.linksBelow([]) : new Map<string, string>();
      const kept = new Set<string>();
      const missing: Volume[] = [];
      for (const volume of named) {
        const own = candidatesOf(volume).find((path) => links.get(path.join('/')) === textFor(volume, path));
        if (own) kept.add(own.join('/'));
        else missing.push(volume);
      }
      for (const [path, text] of links) {
        if (!kept.has(path) && OWN_TEXT.test(text)) await this.unlink(path.split('/'));
      }
      for (const volume of missing.sort(byAge)) await this.link(volume);
    });
  }

  private inTurn(change: () => Promise<void>): Promise<void> {
    this.last = this.last.then(change).then(
      () => {
        this.hasFailed = false;
      },
      (error: unknown) => {
        if (!this.hasFailed) this.onFailure(error);
        this.hasFailed = true;
      },
    );
    return this.last;
  }

  /** Makes the link of a volume at the first of its names that is free. */
  private async link(volume: Volume): Promise<void> {
    if (!(await this.hasRoot())) await this.makeRoot();
    for (const path of candidatesOf(volume)) {
      const isMade = await this.linkAt(path, textFor(volume, path));
      if (isMade) return;
      await this.prune(path);
    }
    throw new Error(`cannot name volume ${volume.id} after its nameTemplate ${volume.nameTemplate}`);
  }

  /** @returns false if something else is there */
  private async linkAt(path: NamePath, text: string): Promise<boolean> {
    for (const [index] of path.slice(0, -1).entries()) {
      const directory = this.pathOf(path.slice(0, index + 1));
      await mkdir(directory, { mode: driverOnlyMode }).catch(unless(errno.EEXIST));
      if (!(await lstat(directory)).isDirectory()) return false;
    }
    try {
      await symlink(text, this.pathOf(path));
      return true;
    } catch (error) {
      if (!isErrno(error, errno.EEXIST)) throw error;
      return (await this.textAt(path)) === text;
    }
  }

  /**
   * The directory comes from `.incoming/`, so that it is not made in the empty mount point of a disk that has just been
   * unmounted.
   */
  private async makeRoot(): Promise<void> {
    const made = join(this.incoming, `names.${randomBytes(4).toString('hex')}`);
    await mkdir(made, { mode: driverOnlyMode });
    await rename(made, this.root);
  }

  /** @throws Error: something else is in its place, which may lead anywhere */
  private async hasRoot(): Promise<boolean> {
    const found = await lstat(this.root).catch(unless(errno.ENOENT));
    if (found && !found.isDirectory()) throw new Error(`${this.root} is not a directory`);
    return found !== undefined;
  }

  private async unlink(path: NamePath): Promise<void> {
    await unlink(this.pathOf(path)).catch(unless(errno.ENOENT));
    await this.prune(path);
  }

  /** Removes the empty directories above a path. */
  private async prune(path: NamePath): Promise<void> {
    for (let length = path.length - 1; length > 0; length--) {
      const directory = this.pathOf(path.slice(0, length));
      try {
        await rmdir(directory);
      } catch (error) {
        if (isErrno(error, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)) return;
        if (!isErrno(error, errno.ENOENT)) throw error;
      }
    }
  }

  /** The text of the link at a path; undefined if there is none, or if the way there leads over a link. */
  private async textAt(path: NamePath): Promise<string | undefined> {
    try {
      for (const [index] of path.slice(0, -1).entries()) {
        if (!(await lstat(this.pathOf(path.slice(0, index + 1)))).isDirectory()) return undefined;
      }
      return await readlink(this.pathOf(path));
    } catch (error) {
      return unless(errno.ENOENT, errno.ENOTDIR, errno.EINVAL)(error);
    }
  }

  /** The texts of all links below a directory, by path. */
  private async linksBelow(path: NamePath): Promise<Map<string, string>> {
    const links = new Map<string, string>();
    for (const entry of await readdir(this.pathOf(path), { withFileTypes: true })) {
      const below = [...path, entry.name];
      if (entry.isSymbolicLink()) links.set(below.join('/'), await readlink(this.pathOf(below)));
      if (entry.isDirectory()) for (const [each, text] of await this.linksBelow(below)) links.set(each, text);
    }
    return links;
  }

  private pathOf(path: NamePath): string {
    return join(this.root, ...path);
  }
}

function candidatesOf(volume: Volume): readonly NamePath[] {
  return volume.nameTemplate === undefined ? [] : namesOf(volume.nameTemplate, volume);
}

/** Relative, so that it is right wherever the disk is mounted. */
function textFor({ id, content }: Volume, path: NamePath): string {
  const contentName = content.backend === 'image' ? 'image' : 'data';
  return join('../'.repeat(path.length), 'volumes', directoryNameOf(id), contentName);
}

/** The oldest volume has the first choice of names. */
function byAge(one: Volume, other: Volume): number {
  const [first, second] = [one, other].map(({ createdAt, id }) => `${createdAt} ${id}`);
  return (first ?? '') < (second ?? '') ? -1 : 1;
}

/** Ignores errors with these numbers. */
function unless(...numbers: number[]): (error: unknown) => undefined {
  return (error) => {
    if (!isErrno(error, ...numbers)) throw error;
  };
}
