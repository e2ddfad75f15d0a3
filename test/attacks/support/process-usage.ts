import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The most memory that a process has had since `forgetPeak`, in KiB. */
export function peakKib(pid: number): number {
  return inStatus(pid, 'VmHWM');
}

/** Begins to measure `peakKib` anew. @returns what the process has now, in KiB */
export function forgetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return inStatus(pid, 'VmRSS');
}

/** How many files and sockets a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function inStatus(pid: number, name: string): number {
  return Number(
    new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
  );
}
