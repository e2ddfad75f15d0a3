import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { failureOf, ProgramError, programEnvironment, programPath } from './program.ts';

const STDERR_LIMIT = 4096;

/**
 * Runs a program as `runProgram` does, and yields what it writes to its stdout. If it writes to stderr, it has failed.
 * @throws the signal's reason; ProgramError
 */
export async function* programOutput(
  name: string,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const program = start(name, args, signal);
  try {
    for await (const bytes of program.child.stdout as AsyncIterable<Buffer>) yield bytes;
    await program.succeeded();
  } finally {
    await program.stop();
  }
}

/**
 * Runs a program with a source as its stdin. If it writes to stderr, it has failed, unless it may warn.
 * @throws the signal's reason; the error of the source; ProgramError
 */
export async function feedProgram(
  name: string,
  args: readonly string[],
  source: AsyncIterable<Buffer>,
  signal: AbortSignal,
  { mayWarn = false } = {},
): Promise<void> {
  const program = start(name, args, signal, mayWarn);
  try {
    let isReading = true;
    for await (const bytes of source) {
      if (isReading) isReading = await write(program.child.stdin, bytes);
      // It may have had enough before the end of the source; otherwise it says why it has ended.
      if (!isReading) await program.succeeded();
    }
    program.child.stdin.end();
    await program.succeeded();
  } finally {
    await program.stop();
  }
}

/** @returns false if the program reads no more */
function write(stdin: Writable, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => stdin.write(bytes, (error) => resolve(!error)));
}

function start(name: string, args: readonly string[], signal: AbortSignal, mayWarn = false) {
  const path = programPath(name);
  if (path === undefined) throw new ProgramError(`${name} is not installed`, undefined, undefined);
  signal.throwIfAborted();
  const child = spawn(path, args, { argv0: name, env: programEnvironment(), stdio: 'pipe' });
  // Writes and reads fail themselves.
  child.stdin.on('error', () => {});
  let stderr = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_LIMIT)));
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const ended = endOf(child);
  return {
    child,
    async succeeded() {
      const code = await ended;
      signal.throwIfAborted();
      if (code === 0 && (mayWarn || stderr === '')) return;
      throw failureOf(name, code, stderr);
    },
    async stop() {
      signal.removeEventListener('abort', kill);
      kill();
      await ended;
    },
  };
}

/** @returns its exit code; undefined if it was killed or could not be run */
async function endOf(child: ChildProcess): Promise<number | undefined> {
  try {
    const [code] = await once(child, 'close');
    return code ?? undefined;
  } catch {
    return undefined;
  }
}
