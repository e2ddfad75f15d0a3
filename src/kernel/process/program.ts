import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const OUTPUT_BYTES = 16 * 1024 * 1024;
const REASON_CHARACTERS = 500;

/** A program that failed or could not be run. */
export class ProgramError extends Error {
  /** Undefined if it did not run or was killed. */
  readonly exitCode: number | undefined;

  constructor(message: string, exitCode: number | undefined, cause: unknown) {
    super(message, { cause });
    this.name = 'ProgramError';
    this.exitCode = exitCode;
  }
}

/**
 * Runs a program without a shell, in the C locale. The rest of this process's environment is not passed on, because it
 * could change the program's behavior.
 * @param acceptedExitCodes the exit codes that do not mean failure
 * @throws ProgramError with the end of the program's stderr
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  acceptedExitCodes: readonly number[] = [0],
): Promise<{ stdout: string; stderr: string }> {
  const path = programPath(name);
  if (path === undefined) throw new ProgramError(`${name} is not installed`, undefined, undefined);
  try {
    return await execute(path, args, { env: programEnvironment(), maxBuffer: OUTPUT_BYTES });
  } catch (error) {
    const { code, signal, stdout, stderr } = error as ExecutionError;
    if (typeof code !== 'number') {
      throw new ProgramError(`${name} did not finish: ${signal ?? code}`, undefined, error);
    }
    if (acceptedExitCodes.includes(code)) return { stdout, stderr };
    throw new ProgramError(`${name} ended with exit code ${code}: ${reasonIn(stderr)}`, code, error);
  }
}

/** The environment of a program. */
export function programEnvironment(): NodeJS.ProcessEnv {
  return { PATH: searchPath().join(delimiter), LC_ALL: 'C' };
}

/** The failure of a program that has ended, or that warned and must not. @param code undefined if it was killed or did not run */
export function failureOf(name: string, code: number | undefined, stderr: string): ProgramError {
  const reason = reasonIn(stderr).replaceAll('\n', '; ');
  return new ProgramError(`${name} ${endingOf(code)}: ${reason}`, code, undefined);
}

function endingOf(code: number | undefined): string {
  if (code === undefined) return 'did not finish';
  return code === 0 ? 'warned' : `ended with exit code ${code}`;
}

/** The end of a program's stderr, which says why it failed. */
function reasonIn(stderr: string): string {
  return stderr.trim().slice(-REASON_CHARACTERS);
}

interface ExecutionError {
  /** The exit code, or an errno name if it could not be run. */
  readonly code: number | string | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a program; undefined if it is not installed. */
export function programPath(name: string): string | undefined {
  return searchPath()
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

// The mkfs programs are not in every user's PATH.
function searchPath(): string[] {
  const own = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
  return [...new Set([...own, '/usr/sbin', '/sbin'])];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
