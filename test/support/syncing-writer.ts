import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

// Each file is synced before the next is begun.
const script = `
  const { closeSync, fsyncSync, mkdirSync, openSync, writeSync } = require('node:fs');
  for (const directory of ['first', 'second']) mkdirSync(directory);
  for (let index = 0; ; index++) {
    for (const directory of ['first', 'second']) {
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

/** What the writer puts into the files of a number. */
export function writtenContent(index: number): string {
  return String(index).repeat(500);
}

/** A process that writes and syncs files without end. */
export interface SyncingWriter {
  /** The number of rounds that are known to be on the disk. */
  syncedCount(): number;
  /** Waits until this many more have been. */
  rounds(count: number): Promise<void>;
  end(): Promise<void>;
}

/**
 * Starts a process that writes and syncs, in a directory, the files `first/0`, `second/0`, a line of `log`, `first/1`, and
 * so on. It does not outlive the test.
 */
export function syncingWriter(directory: string): SyncingWriter {
  const child = spawn(process.execPath, ['-e', script], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
    async rounds(count) {
      const wanted = synced + count;
      const ended = exit.then(() => Promise.reject(new Error('the writer has ended')));
      ended.catch(() => {});
      while (synced < wanted) await Promise.race([once(lines, 'line'), ended]);
    },
    end,
  };
}
