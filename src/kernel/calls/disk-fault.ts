import { errno, errnoName, errnoOf } from './errno.ts';

/** A problem with a disk or the node that does not depend on the operation. */
export interface DiskFault {
  readonly kind: DiskFaultKind;
  /** The rest of a sentence about the disk, including the remedy: `is read-only; … (EROFS)`. */
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
  // ext4, XFS, btrfs and f2fs return these as EFSCORRUPTED and EFSBADCRC.
  damaged: {
    numbers: [errno.EUCLEAN, errno.EBADMSG],
    what: 'cannot be used: its file system is damaged; check it',
  },
  // The block layer reports errors of a device, or of its transport, as EREMOTEIO, ENOLINK, EBADE and ETIMEDOUT. Its
  // ENODATA is left out, because it also means that a file lacks an extended attribute. The last line is for network
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

/** Whether a call failed because the node is out of memory or no more files can be opened. */
export function isShortage(error: unknown): boolean {
  const kind = diskFaultOf(error)?.kind;
  return kind === 'tooManyFilesOpen' || kind === 'noMemory';
}

/** The fault of the disk or the node that a failed system call reports; undefined if it reports none. */
export function diskFaultOf(error: unknown): DiskFault | undefined {
  const number = errnoOf(error);
  const kind = number === undefined ? undefined : kindByNumber.get(number);
  if (number === undefined || kind === undefined) return undefined;
  return { kind, sentence: `${faults[kind].what} (${errnoName(number)})` };
}
