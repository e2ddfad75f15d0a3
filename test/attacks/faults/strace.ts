import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** One system call, as strace shows it. */
export interface SystemCall {
  readonly thread: number;
  readonly name: string;
  /** With the paths of file descriptors: `3</tmp/file>, "text", 4`. */
  readonly args: string;
  readonly result: string;
  /** Its number among the thread's calls of this name, from 1. */
  readonly occurrence: number;
}

export const hasStrace = spawnSync('strace', ['--version']).status === 0;

// With the paths of file descriptors. A file for each thread: in a single one, calls of two threads are mixed.
const format = ['-y', '--string-limit=16', '--output-separately'];

/** strace, attached to a process or to one of its threads. */
export class Strace {
  private readonly directory: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.child = child;
    this.ended = once(child, 'close');
  }

  /**
   * Resolves once it is attached.
   * @param scratch an existing directory for its files
   */
  static async attach(scratch: string, words: readonly string[]): Promise<Strace> {
    const directory = mkdtempSync(join(scratch, 'strace-'));
    const output = [...format, `--output=${join(directory, 'calls')}`];
    const child = spawn('strace', [...output, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    const strace = new Strace(directory, child);
    let messages = '';
    const attached = new Promise<true>((resolve) => {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        messages += text;
        if (messages.includes('attached')) resolve(true);
      });
    });
    if ((await Promise.race([attached, strace.ended])) !== true) throw new Error(messages);
    return strace;
  }

  /** The calls that have returned so far. */
  calls(): SystemCall[] {
    return readdirSync(this.directory).flatMap((name) => callsIn(this.directory, name));
  }

  /** Ends the tracing. @returns all calls */
  async detach(): Promise<SystemCall[]> {
    this.child.kill('SIGINT');
    await this.ended;
    const calls = this.calls();
    rmSync(this.directory, { recursive: true });
    return calls;
  }
}

function callsIn(directory: string, file: string): SystemCall[] {
  const counts = new Map<string, number>();
  const thread = Number(file.slice('calls.'.length));
  const lines = readFileSync(join(directory, file), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, name, args = '', result = ''] = /^(\w+)\((.*)\) += (.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const occurrence = (counts.get(name) ?? 0) + 1;
    counts.set(name, occurrence);
    return { thread, name, args, result, occurrence };
  });
}
