import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { forbidCoreDumps } from './core-dumps.ts';
import { withFilledPipes } from './pipe.ts';
import { failureOf, ProgramError, programEnvironment, programPath } from './program.ts';

const STDERR_LIMIT = 4096;
/** The first descriptor after stdin, stdout and stderr. */
const FIRST_KEY_FD = 3;

/** The path by which a program that `runWithKeys` runs reads a key, counted from 0. */
export function keyPath(index: number): string {
  return `/proc/self/fd/${FIRST_KEY_FD + index}`;
}

/**
 * Runs a program as `runProgram` does, and lets it read keys at `keyPath`: they are in no argument, environment, file or core
 * dump.
 * @param environment what it needs of an environment beside the usual
 * @throws ProgramError with the end of the program's stderr
 */
export async function runWithKeys(
  name: string,
  args: readonly string[],
  keys: readonly Buffer[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const path = programPath(name);
  if (path === undefined) throw new ProgramError(`${name} is not installed`, undefined, undefined);
  forbidCoreDumps();
  const { code, stderr } = await withFilledPipes(keys, async (fds) => {
    const env = { ...programEnvironment(), ...environment };
    const child = spawn(path, args, { env, stdio: ['ignore', 'ignore', 'pipe', ...fds] });
    let text = '';
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (more: string) => (text = (text + more).slice(-STDERR_LIMIT)));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { code: exitCode ?? undefined, stderr: text };
  });
  if (code !== 0) throw failureOf(name, code, stderr);
}
