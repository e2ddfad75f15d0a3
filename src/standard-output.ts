import { writeSync } from 'node:fs';
import { LineOutput, type WriteNow } from './observability/line-output.ts';

/**
 * Standard output or standard error, for lines that must not hold this process up. What is left when it ends is
 * written then. `process.stderr` is not used: it waits for a pipe's reader, and a full disk ends the process.
 * @param fd 1 or 2
 */
export async function standardOutput(fd: 1 | 2): Promise<LineOutput> {
  const output = new LineOutput(await writerTo(fd));
  process.on('exit', () => output.flush());
  return output;
}

/** The system calls for it are those of Linux; a proxy runs elsewhere, too. */
async function writerTo(fd: number): Promise<WriteNow> {
  if (process.platform !== 'linux') return (bytes) => writeSync(fd, bytes);
  return (await import('./kernel/process/output.ts')).outputOf(fd);
}
