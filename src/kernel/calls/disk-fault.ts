import { errno, errnoName, errnoOf } from './errno.ts';

/** A problem with a disk or the node that does not depend on the operation. */
export interface DiskFault {
  readonly kind: DiskFaultKind;
  /** The rest of a sentence about the disk, including the remedy: `is read-only; … (EROFS)`. */
  readonly sentence: string;
}

export type DiskFaultKind = keyof typeof faults;

const faults = {
  full: { numbers: [errno.ENOSPC], what: 'is out of space or inodes' },
  overQuota: { numbers: [errno.EDQUOT], what: 'has reached its quota' },
  readOnly: {
    numbers: [errno.EROFS],
    what: 'is read-only; if this was caused by an error, check the disk, then remount it read-write',
  },
  // ext4, XFS, btrfs and f2fs return these as EFSCORRUPTED and EFSBADCRC.
  damaged: {
    numbers: [errno.EUCLEAN, errno.EBADMSG],
    what: 'has a damaged file system; check it',
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
    what: 'reports I/O errors; check the disk and the kernel log',
  },
  fileTooLarge: { numbers: [errno.EFBIG], what: 'cannot hold a file of this size' },
  tooManyFilesOpen: {
    numbers: [errno.EMFILE, errno.ENFILE],
    what: 'is unavailable: too many open files',
  },
  noMemory: { numbers: [errno.ENOMEM], what: 'is unavailable: the node is out of memory' },
} as const satisfies Record<string, { numbers: readonly number[]; what: string }>;

const kindByNumber = new Map(
  (Object.keys(faults) as DiskFaultKind[]).flatMap((kind) =>
    faults[kind].numbers.map((number): [number, DiskFaultKind] => [number, kind]),
  ),
);

/** Whether a call failed because the node is out of memory or no more files can be opened. */
export function isNodeShortage(error: unknown): boolean {
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
