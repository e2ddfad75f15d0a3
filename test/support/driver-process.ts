import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The compiled driver in one file: as it is, to be held at a step, and to be killed at one. */
export const programs = {
  driver: '.cache/test-drivers/main.cjs',
  gatedDriver: '.cache/test-drivers/gated.cjs',
  stoppableDriver: '.cache/test-drivers/stoppable.cjs',
} as const;

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
const nodeFlags = JSON.parse(
  readFileSync(new URL('../../scripts/lib/test-driver-flags.json', import.meta.url), 'utf8'),
) as string[];

/** How a driver process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running driver. */
export interface TestDriver {
  /** Where it listens. */
  readonly endpoint: string;
  /** The URL of its metrics and health checks; undefined without --http-endpoint. */
  readonly monitoringUrl: string | undefined;
  /** All its standard error so far. */
  readonly log: () => string;
  /** Ends it by a signal. @returns how its process ended, if it had its own */
  stop(signal: NodeJS.Signals): Promise<Exit | undefined>;
  /** Ends it in whatever state it is. */
  end(): Promise<void>;
}

/** A driver running in a process of its own. */
export interface DriverProcess extends TestDriver {
  readonly pid: number;
  readonly exit: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** The complete output of a run of the driver's program that ends by itself. */
export interface FinishedRun extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built driver, or another program that starts it, and waits until it listens. */
export async function startDriverProcess(
  flags: string[],
  {
    program = [programs.driver],
    env = {},
    stderr = 'pipe',
  }: { program?: string[]; env?: Record<string, string>; stderr?: number | 'pipe'; ownProcess?: true } = {},
): Promise<DriverProcess> {
  const { child, output, exit } = launch([...program, ...flags], env, stderr);
  const listening = once(child, 'message').then(
    ([message]) => message as { listening: string; monitoringUrl?: string },
  );
  const addresses = await Promise.race([listening, exit.then(() => undefined)]);
  if (addresses === undefined) throw new Error(`the driver ended before it listened: ${output.stderr}`);
  return {
    endpoint: addresses.listening,
    monitoringUrl: addresses.monitoringUrl,
    exit,
    pid: child.pid ?? 0,
    log: () => output.stderr,
    kill: (signal) => void child.kill(signal),
    stop(signal) {
      child.kill(signal);
      return exit;
    },
    async end() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Runs the built driver until it ends by itself. */
export async function runDriver(flags: string[], env: Record<string, string> = {}): Promise<FinishedRun> {
  const { output, exit } = launch([programs.driver, ...flags], env);
  return { ...(await exit), ...output };
}

function launch(args: string[], env: Record<string, string>, stderr: number | 'pipe' = 'pipe') {
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags, ...args], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', stderr, 'ipc'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const exit = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  return { child, output, exit };
}
