import { errno, errnoName, errnoOf } from './errno.ts';

/** What is wrong with a disk, or with the node, whatever was asked of it. */
export interface DiskFault {
  readonly kind: DiskFaultKind;
  /** The rest of a sentence about the disk, what to do included: `is read-only; … (EROFS)`. */
  readonly sentence: string;
}

export type DiskFaultKind = keyof typeof faults;

const faults = {
  full: { numbers: [errno.ENOSPC], what: 'has no space or no inodes left' },
  overQuota: { numbers: [errno.EDQUOT], what: 'has reached its quota' },
  readOnly: {
    numbers: [errno.EROFS],
    what: 'is read-only; if an error made it so, check the disk, then mount it for writing again',
  },
  // What ext4, XFS, btrfs and f2fs call EFSCORRUPTED and EFSBADCRC.
  damaged: {
    numbers: [errno.EUCLEAN, errno.EBADMSG],
    what: 'cannot be used: its file system is damaged; check it',
  },
  // EREMOTEIO, ENOLINK, EBADE and ETIMEDOUT are how the block layer passes on what a device, or the way to it, answers.
  // Its ENODATA is left out: that is also how a file says that it has no such attribute. The last line is of network
  // file systems.
  failing: {
    numbers: [
      ...[errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.EREMOTEIO, errno.ENOLINK],
      ...[errno.EBADE, errno.ETIMEDOUT, errno.ESHUTDOWN],
      ...[errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN],
    ],
    what: 'does not answer: its disk reports an error; check the disk and the kernel log',
  },
  fileTooLarge: { numbers: [errno.EFBIG], what: 'cannot hold a file of this size' },
  tooManyFilesOpen: {
    numbers: [errno.EMFILE, errno.ENFILE],
    what: 'cannot be used now: too many files are open',
  },
  noMemory: { numbers: [errno.ENOMEM], what: 'cannot be used now: the node has no memory left' },
} as const satisfies Record<string, { numbers: readonly number[]; what: string }>;

const kindByNumber = new Map(
  (Object.keys(faults) as DiskFaultKind[]).flatMap((kind) =>
    faults[kind].numbers.map((number): [number, DiskFaultKind] => [number, kind]),
  ),
);

/** Whether a call failed because the node has no memory, or this process no descriptors left. */
export function isShortage(error: unknown): boolean {
  const kind = diskFaultOf(error)?.kind;
  return kind === 'tooManyFilesOpen' || kind === 'noMemory';
}

/** What a failed system call says of the disk or the node; undefined where it says nothing of them. */
export function diskFaultOf(error: unknown): DiskFault | undefined {
  const number = errnoOf(error);
  const kind = number === undefined ? undefined : kindByNumber.get(number);
  if (number === undefined || kind === undefined) return undefined;
  return { kind, sentence: `${faults[kind].what} (${errnoName(number)})` };
}
