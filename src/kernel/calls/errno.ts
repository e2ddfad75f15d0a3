import { constants } from 'node:os';

/** Linux error numbers that Node has no name for. */
const linuxErrno = {
  EBADE: 52,
  ESHUTDOWN: 108,
  EHOSTDOWN: 112,
  EUCLEAN: 117,
  EREMOTEIO: 121,
  ENOMEDIUM: 123,
  ENOKEY: 126,
};

/** The error numbers the driver decides on. Decisions are made on numbers, never on text. */
export const errno = { ...constants.errno, ...linuxErrno };

const nameByNumber = new Map(Object.entries(errno).map(([name, number]) => [number, name]));

/** A failed system call: its name, the kernel's error number and the subject of the call. */
export class KernelError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;
  readonly subject: string;

  constructor(syscall: string, errorNumber: number, subject: string) {
    const code = errnoName(errorNumber);
    super(`${syscall} ${subject}: ${code}`);
    this.name = 'KernelError';
    this.errno = errorNumber;
    this.code = code;
    this.syscall = syscall;
    this.subject = subject;
  }
}

/**
 * The positive error number of a KernelError or a node:fs error, else undefined. libuv negates the number; where it
 * does not know the number (EDQUOT), nothing else in the error identifies it.
 */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return Math.abs(error.errno);
}

/** Whether the error has one of these numbers, for instance `isErrno(error, errno.ENOENT)`. */
export function isErrno(error: unknown, ...numbers: number[]): boolean {
  const found = errnoOf(error);
  return found !== undefined && numbers.includes(found);
}

/** The name of an error number, `ENOSPC` for 28. */
export function errnoName(errorNumber: number): string {
  return nameByNumber.get(errorNumber) ?? `errno ${errorNumber}`;
}
