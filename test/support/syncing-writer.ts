import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';

// Each file is synced before the next is begun.
const script = `
  const { closeSync, fsyncSync, mkdirSync, openSync, writeSync } = require('node:fs');
  const directories = ['first', process.argv[1]];
  for (const directory of directories) mkdirSync(directory);
  for (let index = 0; ; index++) {
    for (const directory of directories) {
      const fd = openSync(directory + '/' + index, 'w');
      writeSync(fd, String(index).repeat(500));
      fsyncSync(fd);
      closeSync(fd);
    }
    const log = openSync('log', 'a');
    writeSync(log, index + '\\n');
    fsyncSync(log);
    closeSync(log);
    writeSync(1, index + '\\n');
  }
`;

/** The content that the writer puts into the files of a number. */
export function writtenContent(index: number): string {
  return String(index).repeat(500);
}

/** A process that writes and syncs files without end. */
export interface SyncingWriter {
  /** The number of rounds that are known to be on the disk. */
  syncedCount(): number;
  /** The letter for the process's state; D is a sleep that no signal interrupts. */
  state(): string;
  /** Waits for this many more rounds. */
  rounds(count: number): Promise<void>;
  end(): Promise<void>;
}

/**
 * Starts a process that writes and syncs, in a directory, the files `first/0`, `second/0`, a line of `log`, `first/1`,
 * and so on. It does not outlive the test.
 * @param second where to write the second file of each round instead
 * @param through the command of a program that becomes the writer, such as `unshare --mount`
 */
export function syncingWriter(
  directory: string,
  { second = 'second', through = [] }: { second?: string; through?: readonly string[] } = {},
): SyncingWriter {
  const [command = '', ...words] = [...through, process.execPath, '-e', script, second];
  const child = spawn(command, words, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  let synced = 0;
  lines.on('line', () => synced++);
  const end = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  onTestFinished(end);
  return {
    syncedCount: () => synced,
    state: () => stateOf(child.pid ?? 0),
    async rounds(count) {
      const wanted = synced + count;
      const ended = exit.then(() => Promise.reject(new Error('the writer has ended')));
      ended.catch(() => {});
      while (synced < wanted) await Promise.race([once(lines, 'line'), ended]);
    },
    end,
  };
}

function stateOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2)[0] ?? '';
}

/**
 * Checks a copy that was made during writes: it has all data synced before, and no second write without the one
 * before it.
 */
export function expectInOrder(
  directory: string,
  syncedCount: number,
  second = join(directory, 'second'),
): void {
  const first = join(directory, 'first');
  const firstNames = new Set(readdirSync(first));
  const secondNames = new Set(readdirSync(second));
  const lost = [...secondNames].filter((name) => !firstNames.has(name));
  expect(lost).toEqual([]);
  expect(secondNames.size).toBeGreaterThanOrEqual(syncedCount);
  for (let index = 0; index < syncedCount; index++) {
    expect(readFileSync(join(second, String(index)), 'utf8')).toBe(writtenContent(index));
  }
  for (const name of secondNames) {
    expect(readFileSync(join(first, name), 'utf8')).toBe(writtenContent(Number(name)));
  }
}
