import koffi from 'koffi';
import { asyncCalls } from './async-calls.ts';
import { areCallsBlocking } from './blocking.ts';
import { errno, KernelError } from './errno.ts';

// The process is already linked to its C library, glibc or musl, so the symbols are looked up there.
const libc = koffi.load(null);

type Argument = number | bigint | string | Buffer;

/** A C function that returns a negative number and sets errno on failure. */
export interface Call {
  readonly name: string;
  readonly native: ReturnType<typeof libc.func>;
  /** Arguments before the caller's: the system call number, for syscall(2). */
  readonly leading: readonly number[];
  /** Whether other calls may be waiting for this one, so that it must not queue behind them. */
  readonly isUrgent?: boolean;
}

/** A function that the C library has a wrapper for. */
export function libraryCall(name: string, parameters: string[]): Call {
  return { name, native: libc.func(name, 'int', parameters), leading: [] };
}

/**
 * A system call that C libraries have no wrapper for yet. Numbers from 424 on are the same on every architecture.
 * syscall(2) is variadic but is declared with fixed parameters, because koffi runs only such functions on another
 * thread.
 */
export function numberedCall(name: string, number: number, parameters: string[]): Call {
  return { name, native: libc.func('syscall', 'long', ['long', ...parameters]), leading: [number] };
}

/** The subject of a call, for the error message: a text, a descriptor, or a name with the zero that ends it. */
export type Subject = string | number | Buffer;

/**
 * Makes a call on this thread: in a task, or for calls that neither walk a path nor wait for a device.
 * @throws KernelError
 */
export function callSync(call: Call, subject: Subject, ...args: Argument[]): number {
  const result = tryCallSync(call, ...args);
  if (result < 0) throw new KernelError(call.name, -result, subjectText(subject));
  return result;
}

/** The same where failure is usual, since an error costs more than the call. @returns the result, or a negative error number */
export function tryCallSync(call: Call, ...args: Argument[]): number {
  for (;;) {
    const result = Number(call.native(...call.leading, ...args));
    if (result >= 0) return result;
    const errorNumber = koffi.errno();
    if (errorNumber !== errno.EINTR) return -errorNumber;
  }
}

function subjectText(subject: Subject): string {
  if (typeof subject === 'number') return `descriptor ${subject}`;
  return typeof subject === 'string' ? subject : subject.toString('utf8', 0, subject.length - 1);
}

/**
 * Makes a call on a thread of libuv's pool when a slot is free: for calls that may wait for a disk. In a task, blocks its thread.
 * @param subject the subject of the call, for the error message
 * @throws KernelError
 */
export async function call(call: Call, subject: string, ...args: Argument[]): Promise<number> {
  if (areCallsBlocking()) return callSync(call, subject, ...args);
  for (;;) {
    const [result, errorNumber] = await asyncCalls.run(() => callOnce(call, args), call);
    if (result >= 0) return result;
    if (errorNumber !== errno.EINTR) throw new KernelError(call.name, errorNumber, subject);
  }
}

function callOnce(call: Call, args: Argument[]): Promise<[result: number, errorNumber: number]> {
  return new Promise((resolve, reject) => {
    call.native.async(...call.leading, ...args, (error: unknown, result: number | bigint) => {
      // koffi has the thread's errno in this callback only; after an await it would be another call's.
      const errorNumber = koffi.errno();
      if (error) reject(error);
      else resolve([Number(result), errorNumber]);
    });
  });
}
