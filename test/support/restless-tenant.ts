import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('./restless-tenant.mjs', import.meta.url));

/** A process that changes everything in a directory, as fast as it can. */
export interface RestlessTenant {
  end(): Promise<void>;
}

/**
 * Starts a process that moves files and directories of a directory, wherever that is moved, and swaps them for symbolic links
 * to another directory and its `inner/file`. It does not outlive the test.
 */
export async function restlessTenant(
  directory: string,
  outside: string,
  seed: number,
): Promise<RestlessTenant> {
  const child = spawn(process.execPath, [program, directory, outside, String(seed)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'close');
  const end = async () => {
    child.stdin.end();
    await exit;
  };
  onTestFinished(end);
  await once(child.stdout, 'data');
  return { end };
}
