import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';

/** The most memory that a process has had since `forgetPeak`, in KiB. */
export function peakKib(pid: number): number {
  return inStatus(pid, 'VmHWM');
}

/** Begins to measure `peakKib` anew. @returns what the process has now, in KiB */
export function forgetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return inStatus(pid, 'VmRSS');
}

/** How many files and sockets a process has open: what `openedBy` lists. */
export function descriptorsOf(pid: number): number {
  return openedBy(pid).length;
}

/** The paths of the files that a process has open, and its sockets. Not its pipes and event queues, of which each worker that starts has some. */
export function openedBy(pid: number): string[] {
  const opened = readdirSync(`/proc/${pid}/fd`).map((fd) => openedAs(`/proc/${pid}/fd/${fd}`));
  return opened.filter((what) => what.startsWith('/') || what.startsWith('socket:'));
}

function openedAs(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    // It has just been closed.
    return '';
  }
}

function inStatus(pid: number, name: string): number {
  return Number(
    new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
  );
}
