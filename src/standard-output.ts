import { writeSync } from 'node:fs';
import { LineOutput, type NonBlockingWrite } from './observability/line-output.ts';

/**
 * Standard output or standard error, for lines that must not block this process. The rest is written when the process
 * ends. `process.stderr` is not used: it waits for the reader of a pipe, and a full disk ends the process.
 * @param fd 1 or 2
 */
export async function standardOutput(fd: 1 | 2): Promise<LineOutput> {
  const output = new LineOutput(await writerTo(fd));
  process.on('exit', () => output.flush());
  return output;
}

/** Non-blocking output uses Linux system calls; a proxy runs on other systems, too. */
async function writerTo(fd: number): Promise<NonBlockingWrite> {
  if (process.platform !== 'linux') return (bytes) => writeSync(fd, bytes);
  return (await import('./kernel/process/output.ts')).outputOf(fd);
}
