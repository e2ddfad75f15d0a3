import { Readable } from 'node:stream';
import { parseCommand } from '../../src/cli/command-line.ts';
import { runCommand } from '../../src/cli/main.ts';

/** How a command ended, and what it wrote. */
export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the program in this process, which is faster than one of its own. */
export async function runInProcess(words: readonly string[]): Promise<CommandRun> {
  let [stdout, stderr] = ['', ''];
  const code = await runCommand(parseCommand(words), {
    write: async (text) => {
      stdout += text;
    },
    writeError: async (text) => {
      stderr += text;
    },
    writeBytes: async (bytes) => {
      stdout += bytes.toString();
    },
    input: Readable.from([]),
    isTerminal: false,
    stopped: new AbortController().signal,
  });
  return { code, stdout, stderr };
}
