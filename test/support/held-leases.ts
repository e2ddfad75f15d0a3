import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';

const program = fileURLToPath(new URL('./lease-holder.mjs', import.meta.url));

/** A process of an ordinary user that has a write lease on each of some files. */
export interface HeldLeases {
  readonly pid: number;
  /** Resolves when the kernel has asked for one of the leases back, because the file is being opened. */
  asked(): Promise<void>;
  /** Returns all of them. */
  release(): Promise<void>;
}

/** Takes write leases as the owner of files, who needs no privilege for it. They do not outlive the test. */
export async function heldLeases(ownerId: number, paths: readonly string[]): Promise<HeldLeases> {
  const child = spawn(process.execPath, [program, ...paths], {
    uid: ownerId,
    gid: ownerId,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'close');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const says = async (word: string) => {
    await eventually(
      () => {
        if (!said.includes(word)) throw new Error(`the holder of leases has not said ${word}`);
      },
      { interval: 5 },
    );
  };
  const release = async () => {
    child.stdin.end();
    await exit;
  };
  onTestFinished(release);
  await says('held');
  return { pid: child.pid ?? 0, asked: () => says('asked'), release };
}

/** How many leases of a process the kernel has asked for and is still waiting for. */
export function breakingLeases(pid: number): number {
  const lines = readFileSync('/proc/locks', 'utf8').split('\n');
  return lines.filter((line) => /LEASE +BREAKING/.test(line) && line.split(/ +/).includes(String(pid)))
    .length;
}
