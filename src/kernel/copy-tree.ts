import { type BigIntStats, constants, fstatSync } from 'node:fs';
import { mkdir, opendir, symlink } from 'node:fs/promises';
import { copyAttributes } from './copy-attributes.ts';
import type { CopyControl } from './copy-control.ts';
import { copyData } from './copy-data.ts';
import { copyContent } from './copy-file.ts';
import { fromSource, withSource } from './copy-source.ts';
import { withDescriptor } from './descriptor.ts';
import { errno, KernelError } from './errno.ts';
import { HardLinks, wasMade } from './hard-links.ts';
import { openDirectory, openEntry, openTrail, withHandle } from './open-below.ts';
import { below, withPath } from './path-handle.ts';
import { cloneToNewFile } from './reflink.ts';
import { linkText, makeNode } from './special-file.ts';
import { withTreeSource } from './tree-source.ts';
import { type Leaf, type TreeVisitor, type WalkedDirectory, walkTree } from './walk-tree.ts';

export { treeBytes } from './tree-bytes.ts';

const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY = 0o600;
const PERMISSIONS = 0o777;
const SET_ID = 0o6000;
const MAKE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Copies everything in a directory, and the directory's own attributes, into an existing empty directory: owners, modes,
 * times, extended attributes with access control lists and capabilities, hard links, holes, symbolic links as they
 * are, sockets, fifos and devices. Files share their blocks where the file system can. Project and inode flags
 * (immutable, …) are not copied; they are the target's own.
 *
 * The source may change meanwhile: what goes is left out, and what is moved within it may be. Nothing outside it is
 * read: no symbolic link is followed and nothing that is mounted in it shows. Syncs nothing. What a copy that
 * fails has made stays, for the caller to remove.
 * @throws KernelError or a node:fs error: ENOTEMPTY, ENOSPC, EDQUOT, EOPNOTSUPP for attributes that the target's file
 *   system does not have, EPERM for devices where this process may make none, …; the signal's reason
 */
export async function copyTree(source: string, target: string, control: CopyControl): Promise<void> {
  control.signal.throwIfAborted();
  await withPath(target, async (targetFd) => {
    await checkEmpty(targetFd, target);
    await withTreeSource(source, (sourceFd) => new TreeCopy(targetFd, control).run(sourceFd));
  });
}

interface TargetDirectory {
  readonly targetFd: number;
}

class TreeCopy implements TreeVisitor<TargetDirectory> {
  private readonly topFd: number;
  private readonly control: CopyControl;
  private readonly links: HardLinks;
  private isSharing = true;

  constructor(topFd: number, control: CopyControl) {
    this.topFd = topFd;
    this.control = control;
    this.links = new HardLinks(topFd);
  }

  async run(sourceFd: number): Promise<void> {
    let failed = true;
    try {
      await walkTree(sourceFd, this, this.control.signal);
      failed = false;
    } finally {
      await this.links.close({ failed });
    }
    await copyAttributes(sourceFd, this.topFd, statusOf(sourceFd));
  }

  async directory(
    { fd, trail }: WalkedDirectory,
    parent: TargetDirectory | undefined,
    walk: (context: TargetDirectory) => Promise<'walked' | 'later'>,
  ): Promise<void> {
    if (trail === undefined) {
      await walk({ targetFd: this.topFd });
      return;
    }
    if (parent !== undefined) {
      const making = mkdir(below(parent.targetFd, trail.name), OWNER_ONLY_DIRECTORY);
      if (!(await wasMade(making))) return;
    }
    const opening =
      parent === undefined ? openTrail(this.topFd, trail) : openDirectory(parent.targetFd, trail.name);
    await withMade(opening, trail.name, async (targetFd) => {
      // Not before the entries are made, which would inherit some of it, and change its times.
      if ((await walk({ targetFd })) === 'walked') await copyAttributes(fd, targetFd, statusOf(fd));
    });
  }

  async leaf({ parentFd, name }: Leaf, { targetFd }: TargetDirectory, signal: AbortSignal): Promise<void> {
    await withHandle(
      fromSource(() => openEntry(parentFd, name)),
      async (fd) => {
        const status = await fromSource(() => statusOf(fd));
        // It was none when it was listed.
        if (status.isDirectory()) return;
        const make = () => this.make({ fd, status }, targetFd, name, signal);
        const { nlink, dev, ino } = status;
        if (nlink > 1n)
          await this.links.place({ key: `${dev}-${ino}`, names: nlink }, below(targetFd, name), make);
        else await make();
      },
    );
  }

  /** @returns whether anything was made */
  private async make(
    { fd, status }: OriginalEntry,
    parentFd: number,
    name: Buffer,
    signal: AbortSignal,
  ): Promise<boolean> {
    const path = below(parentFd, name);
    let making: Promise<void>;
    if (status.isFile()) making = this.makeFile({ fd, status }, path, signal);
    else if (status.isSymbolicLink()) making = symlink(await fromSource(() => linkText(fd)), path);
    else making = makeNode(parentFd, name, fileKind(status) | OWNER_ONLY, status.rdev);
    if (!(await wasMade(making))) return false;
    await withMade(openEntry(parentFd, name), name, (madeFd) => copyAttributes(fd, madeFd, status));
    return true;
  }

  private async makeFile({ fd, status }: OriginalEntry, path: Buffer, signal: AbortSignal): Promise<void> {
    // Before it has its owner, it must not run as its owner.
    if (this.isSharing && (Number(status.mode) & SET_ID) === 0) {
      if (await cloneToNewFile(below(fd), path)) return;
      // Not tried again. Copying shares as well, where it can.
      this.isSharing = false;
    }
    const copy = this.isSharing ? copyContent : copyData;
    const control = { signal, onBytes: this.control.onBytes };
    await withSource(below(fd), constants.O_RDONLY, async (sourceFd) => {
      const fill = async (targetFd: number) => void (await copy(sourceFd, targetFd, control));
      // Its permissions from the start, which saves setting them.
      await withDescriptor(path, MAKE_FILE, fill, Number(status.mode) & PERMISSIONS);
    });
  }
}

/** An entry of the source, opened as a handle. */
interface OriginalEntry {
  readonly fd: number;
  readonly status: BigIntStats;
}

async function checkEmpty(fd: number, path: string): Promise<void> {
  const entries = await opendir(below(fd));
  try {
    if ((await entries.read()) !== null) throw new KernelError('copy', errno.ENOTEMPTY, path);
  } finally {
    await entries.close();
  }
}

function statusOf(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}

function fileKind({ mode }: BigIntStats): number {
  return Number(mode) & constants.S_IFMT;
}

/** Lends a handle of something just made, which nobody else removes. */
async function withMade(
  opening: Promise<number | undefined>,
  name: Buffer,
  use: (fd: number) => Promise<void>,
): Promise<void> {
  if (!(await withHandle(opening, use))) throw new KernelError('open', errno.ENOENT, name.toString());
}
