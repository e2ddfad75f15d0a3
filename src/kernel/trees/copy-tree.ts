import { type BigIntStats, closeSync, constants, fstatSync, open, readlinkSync } from 'node:fs';
import { mkdir, opendir, symlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { linkText, makeNode } from '../attributes/special-file.ts';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { openDirectory, openEntry, openTrail, withHandle } from '../calls/open-below.ts';
import { below, withPath } from '../calls/path-handle.ts';
import { type CopyControl, copyData } from '../files/copy-data.ts';
import { copyContent } from '../files/copy-file.ts';
import { fromSource } from '../files/copy-source.ts';
import { LeaseWaits } from '../files/lease-waits.ts';
import { cloneToNewFile } from '../files/reflink.ts';
import { copyAttributes } from './copy-attributes.ts';
import { falseIfExists, HardLinks } from './hard-links.ts';
import type { LeafVisit } from './leaf-visit.ts';
import { withTreeSource } from './tree-source.ts';
import { type Leaf, type TreeVisitor, type WalkedDirectory, walkTree } from './walk-tree.ts';

export { treeBytes } from './tree-bytes.ts';

const openAsync = promisify(open);

const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY = 0o600;
const PERMISSIONS = 0o777;
const SET_ID = 0o6000;
const MAKE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ_NONBLOCK = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Copies everything in a directory, and the directory's own attributes, into an existing empty directory: owners, modes,
 * times, extended attributes with access control lists and capabilities, hard links, holes, symbolic links as they
 * are, sockets, fifos and devices. Files share their blocks where the file system can. Projects and inode flags
 * (immutable, …) are not copied; the target keeps its own.
 *
 * The source may change during the copy: removed entries are left out, and entries moved within it may be. Nothing
 * outside it is read: symbolic links are not followed and mounts in it are not visible. Does not sync. A failed copy
 * leaves its target for the caller to remove.
 * @throws KernelError or a node:fs error: ENOTEMPTY, ENOSPC, EDQUOT, EOPNOTSUPP for attributes that the target's file
 *   system lacks, EPERM for devices if this process may not make them, …; TreeObstacle; the signal's reason
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
  private readonly leases: LeaseWaits;
  private isSharing = true;

  constructor(topFd: number, control: CopyControl) {
    this.topFd = topFd;
    this.control = control;
    this.links = new HardLinks(topFd);
    this.leases = new LeaseWaits(control.signal, control.onWait);
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
    step: <T>(calls: () => Promise<T>) => Promise<T>,
  ): Promise<void> {
    if (trail === undefined) {
      await walk({ targetFd: this.topFd });
      return;
    }
    if (parent !== undefined) {
      const make = () => mkdir(below(parent.targetFd, trail.name), OWNER_ONLY_DIRECTORY);
      if (!(await step(() => falseIfExists(make())))) return;
    }
    const opening = step(() =>
      parent === undefined ? openTrail(this.topFd, trail) : openDirectory(parent.targetFd, trail.name),
    );
    await withCreated(opening, trail.name, async (targetFd) => {
      // Only after the entries are made: they would inherit some attributes, and change the times.
      if ((await walk({ targetFd })) === 'walked')
        await step(() => copyAttributes(fd, targetFd, statusOf(fd)));
    });
  }

  async leaf({ parentFd, name }: Leaf, { targetFd }: TargetDirectory, visit: LeafVisit): Promise<void> {
    await withHandle(
      fromSource(() => openEntry(parentFd, name)),
      async (fd) => {
        const status = await fromSource(() => statusOf(fd));
        // It was not a directory when it was listed.
        if (status.isDirectory()) return;
        const make = () => this.make({ fd, status }, targetFd, name, visit);
        const { nlink, dev, ino } = status;
        const file = { key: `${dev}-${ino}`, names: nlink };
        const wait = (other: Promise<void>) => visit.wait(() => other);
        if (nlink > 1n) await this.links.addName(file, below(targetFd, name), make, wait);
        else await make();
      },
    );
  }

  /** @returns whether anything was made */
  private async make(
    { fd, status }: OriginalEntry,
    parentFd: number,
    name: Buffer,
    visit: LeafVisit,
  ): Promise<boolean> {
    const path = below(parentFd, name);
    let making: Promise<void>;
    if (status.isFile()) making = this.makeFile({ fd, status }, path, visit);
    else if (status.isSymbolicLink()) making = symlink(await fromSource(() => linkText(fd)), path);
    else making = makeNode(parentFd, name, fileKind(status) | OWNER_ONLY, status.rdev);
    if (!(await falseIfExists(making))) return false;
    await withCreated(openEntry(parentFd, name), name, (madeFd) => copyAttributes(fd, madeFd, status));
    return true;
  }

  private async makeFile({ fd, status }: OriginalEntry, path: Buffer, visit: LeafVisit): Promise<void> {
    const sourceFd = await this.openSource(fd, visit);
    try {
      // A set-id file must not be executable under the wrong owner before its owner is set.
      if (this.isSharing && (Number(status.mode) & SET_ID) === 0) {
        // Opened again by its path without blocking: an open file cannot be leased.
        if (await cloneToNewFile(below(sourceFd), path)) return;
        // Cloning is not tried again; copying also shares blocks where it can.
        this.isSharing = false;
      }
      const copy = this.isSharing ? copyContent : copyData;
      const control = { ...this.control, signal: visit.signal };
      const fill = async (targetFd: number) => void (await copy(sourceFd, targetFd, control));
      // Created with its permissions, which saves setting them later.
      await withDescriptor(path, MAKE_FILE, fill, Number(status.mode) & PERMISSIONS);
    } finally {
      closeSync(sourceFd);
    }
  }

  private openSource(fd: number, visit: LeafVisit): Promise<number> {
    return this.leases.openWhenFree(
      () => fromSource(() => openAsync(below(fd), READ_NONBLOCK)),
      () => nameOf(fd),
      (wait) => visit.wait(wait),
    );
  }
}

/** A source entry, opened as a handle. */
interface OriginalEntry {
  readonly fd: number;
  readonly status: BigIntStats;
}

/** The path of an entry in the tree, for messages. */
function nameOf(fd: number): string {
  try {
    return readlinkSync(below(fd));
  } catch (error) {
    // The path exceeds the length that the kernel returns.
    if (isErrno(error, errno.ENAMETOOLONG)) return 'a file deep in the tree';
    throw error;
  }
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

/** Passes a handle of a newly made entry to `use`; no other process removes such entries. */
async function withCreated(
  opening: Promise<number | undefined>,
  name: Buffer,
  use: (fd: number) => Promise<void>,
): Promise<void> {
  if (!(await withHandle(opening, use))) throw new KernelError('open', errno.ENOENT, name.toString());
}
