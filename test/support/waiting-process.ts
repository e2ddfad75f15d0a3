import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** A process that has done something and waits to be ended. */
export interface WaitingProcess {
  end(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Runs a program that waits until its standard input closes, such as `cat`, and resolves when it has written
 * its first output, or at once if no output is expected. It does not outlive the test.
 */
export async function waitingProcess(
  command: string,
  args: string[],
  { cwd, saysReady = false }: { cwd?: string; saysReady?: boolean } = {},
): Promise<WaitingProcess> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(cwd ? { cwd } : {}),
  });
  const exit = once(child, 'close');
  const end = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal);
    await exit;
  };
  onTestFinished(() => end());
  // The event comes when the program runs, in its working directory.
  await once(child, 'spawn');
  if (saysReady && child.stdout) await once(child.stdout, 'data');
  return { end };
}
