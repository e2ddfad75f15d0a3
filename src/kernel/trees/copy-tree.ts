import { constants, mkdirSync } from 'node:fs';
import { linkText } from '../attributes/special-file.ts';
import { syncFileSystem, withDescriptor } from '../calls/descriptor.ts';
import { entriesOf } from '../calls/directory-entries.ts';
import { type EntryName, entryName, nameText, type Place } from '../calls/entry-name.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { type InodeStatus, inodeStatus, inodeStatusBelow } from '../calls/inode-status.ts';
import { makeDirectoryAt, makeFileAt, makeNodeAt, makeSymlinkAt } from '../calls/make-entry.ts';
import { openDirectory, openEntry, openFile, openTrail, withOpen } from '../calls/open-below.ts';
import { below, realPathBelow, withPath } from '../calls/path-handle.ts';
import type { CopyControl } from '../files/copy-control.ts';
import { copyData } from '../files/copy-data.ts';
import { fromSource, TreeObstacleError } from '../files/copy-source.ts';
import { LeaseWaits, openUnlessLeased } from '../files/lease-waits.ts';
import { cloneFile } from '../files/reflink.ts';
import { copyAttributes } from './copy-attributes.ts';
import { HardLinks, type Made } from './hard-links.ts';
import { withTreeSource } from './tree-source.ts';
import { type TreeVisitor, type Visit, type WalkedDirectory, walkTree } from './walk-tree.ts';

const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY = 0o600;
const PERMISSIONS = 0o777;
const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Copies everything in a directory, and the directory's own attributes, into an empty directory, which is made unless it
 * exists: owners, modes, times, extended attributes with access control lists and capabilities, hard links, holes,
 * symbolic links as they are, sockets, fifos and devices. Files share their blocks where the file system can. Projects and
 * inode flags (immutable, …) are not copied; the target keeps its own. Syncs the file system at the end, because a sync
 * for each file takes far longer.
 *
 * The source may change during the copy: removed entries are left out, and entries moved within it may be. Nothing
 * outside it is read: symbolic links are not followed and mounts in it are not visible. A failed copy leaves its target for
 * the caller to remove. Blocks its thread.
 * @throws KernelError or a node:fs error: ENOTEMPTY, ENOSPC, EDQUOT, EOPNOTSUPP for attributes that the target's file
 *   system lacks, EPERM for devices if this process may not make them, …; TreeObstacle; StoppedError
 */
export async function copyTree(source: string, target: string, control: CopyControl): Promise<void> {
  control.stop.throwIfStopped();
  makeUnlessExists(target);
  await withPath(target, (handle) =>
    withDescriptor(below(handle), READ_DIRECTORY, async (targetFd) => {
      checkEmpty(targetFd, target);
      await withTreeSource(source, (sourceFd) => new TreeCopy(targetFd, control).run(sourceFd));
      await syncFileSystem(targetFd);
    }),
  );
}

interface TargetDirectory {
  readonly targetFd: number;
}

class TreeCopy implements TreeVisitor<TargetDirectory> {
  private readonly topFd: number;
  private readonly control: CopyControl;
  private readonly links: HardLinks;
  private readonly leases: LeaseWaits;
  private isSharing = true;

  constructor(topFd: number, control: CopyControl) {
    this.topFd = topFd;
    this.control = control;
    this.links = new HardLinks(topFd);
    this.leases = new LeaseWaits(control);
  }

  async run(sourceFd: number): Promise<void> {
    let failed = true;
    try {
      walkTree(sourceFd, this, this.control.stop);
      failed = false;
    } finally {
      await this.links.close({ failed });
    }
    copyAttributes(
      sourceFd,
      this.topFd,
      fromSource(() => inodeStatus(sourceFd)),
    );
  }

  directory(
    { fd, trail }: WalkedDirectory,
    parent: TargetDirectory | undefined,
    walk: (context: TargetDirectory) => Visit,
  ): void {
    if (trail === undefined) {
      walk({ targetFd: this.topFd });
      return;
    }
    const { name } = trail;
    if (parent !== undefined) {
      const place = { parentFd: parent.targetFd, name };
      if (!makeDirectoryAt(place, OWNER_ONLY_DIRECTORY)) return;
    }
    const opened = parent === undefined ? openTrail(this.topFd, trail) : openDirectory(parent.targetFd, name);
    withMade(opened, name, (targetFd) => {
      // Only after the entries are made: they would inherit some attributes, and change the times.
      if (walk({ targetFd }) === 'visited')
        copyAttributes(
          fd,
          targetFd,
          fromSource(() => inodeStatus(fd)),
        );
    });
  }

  leaf(leaf: Place, { targetFd }: TargetDirectory, canWait: boolean): Visit {
    const status = fromSource(() => inodeStatusBelow(leaf));
    // It was not a directory when it was listed.
    if (status === undefined || status.isDirectory) return 'visited';
    const place = { parentFd: targetFd, name: leaf.name };
    const make = () => (status.isFile ? this.makeFile(leaf, place, canWait) : this.makeOther(leaf, place));
    const made = status.names > 1 ? this.links.addName(status, place, make) : make();
    return made === 'later' ? 'later' : 'visited';
  }

  private makeFile({ parentFd, name }: Place, place: Place, canWait: boolean): Made {
    const open = () => fromSource(() => openUnlessLocked({ parentFd, name }));
    const opened = canWait
      ? openUnlessLeased(open)
      : this.leases.openWhenFree(open, () => realPathBelow(parentFd, nameText(name)));
    if (opened === 'leased') return 'later';
    return withOpen(opened, (sourceFd) => this.makeFileFrom(sourceFd, place)) ?? 'left out';
  }

  private makeFileFrom(sourceFd: number, place: Place): Made {
    const status = fromSource(() => inodeStatus(sourceFd));
    if (!status.isFile) return 'left out';
    // With its permissions, which saves setting them later. A set-id file must not be executable under the wrong owner.
    const target = makeFileAt(place, status.mode & PERMISSIONS);
    const made = withOpen(target, (targetFd): Made => {
      this.fill(sourceFd, targetFd, status);
      copyAttributes(sourceFd, targetFd, status);
      return 'made';
    });
    return made ?? 'left out';
  }

  private makeOther({ parentFd, name }: Place, place: Place): Made {
    const opened = fromSource(() => openEntry(parentFd, name));
    const made = withOpen(opened, (fd): Made => {
      const status = fromSource(() => inodeStatus(fd));
      if (status.isFile || status.isDirectory || !makeLike(fd, status, place)) return 'left out';
      withMade(openEntry(place.parentFd, place.name), place.name, (madeFd) =>
        copyAttributes(fd, madeFd, status),
      );
      return 'made';
    });
    return made ?? 'left out';
  }

  private fill(sourceFd: number, targetFd: number, { sizeBytes }: InodeStatus): void {
    if (sizeBytes === 0n) return;
    this.isSharing = this.isSharing && cloneFile(sourceFd, targetFd);
    // Cloning is not tried again; copying also shares blocks where it can.
    if (!this.isSharing) copyData(sourceFd, targetFd, this.control);
  }
}

/** Makes a symbolic link, fifo, socket or device like an open one. @returns false if there is an entry of this name */
function makeLike(fd: number, { isSymlink, mode, nodeNumber }: InodeStatus, place: Place): boolean {
  if (isSymlink) return makeSymlinkAt(place, entryName(fromSource(() => linkText(fd))));
  return makeNodeAt(place, (mode & constants.S_IFMT) | OWNER_ONLY, nodeNumber);
}

/** @throws TreeObstacle: it is encrypted, and the kernel has no key for it */
function openUnlessLocked(place: Place): number | undefined {
  try {
    return openFile(place);
  } catch (error) {
    if (!isErrno(error, errno.ENOKEY)) throw error;
    const path = JSON.stringify(realPathBelow(place.parentFd, nameText(place.name)));
    throw new TreeObstacleError(`${path} is encrypted, and its key is not on the node; add the key`);
  }
}

function makeUnlessExists(path: string): void {
  try {
    mkdirSync(path, OWNER_ONLY_DIRECTORY);
  } catch (error) {
    if (!isErrno(error, errno.EEXIST)) throw error;
  }
}

function checkEmpty(fd: number, path: string): void {
  for (const _ of entriesOf(fd)) throw new KernelError('copy', errno.ENOTEMPTY, path);
}

/** Passes a newly made entry to `use`; no other process removes such entries. */
function withMade(opened: number | undefined, name: EntryName, use: (fd: number) => void): void {
  if (opened === undefined) throw new KernelError('open', errno.ENOENT, nameText(name));
  withOpen(opened, use);
}
