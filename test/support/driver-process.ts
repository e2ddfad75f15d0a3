import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** How a driver process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A driver running in a process of its own. */
export interface DriverProcess {
  /** Where it listens. */
  readonly endpoint: string;
  readonly pid: number;
  readonly exit: Promise<Exit>;
  /** Everything it has written to standard error so far. */
  readonly log: () => string;
  kill(signal: NodeJS.Signals): void;
}

/** Everything a run of the driver's program has said, for runs that end by themselves. */
export interface FinishedRun extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built driver, or another program that starts it, and waits until it listens. */
export async function startDriverProcess(
  flags: string[],
  {
    program = ['dist/main.js'],
    env = {},
    stderr = 'pipe',
  }: { program?: string[]; env?: Record<string, string>; stderr?: number | 'pipe' } = {},
): Promise<DriverProcess> {
  const { child, output, exit } = launch([...program, ...flags], env, stderr);
  const listening = once(child, 'message').then(([message]) => (message as { listening: string }).listening);
  const endpoint = await Promise.race([listening, exit.then(() => undefined)]);
  if (endpoint === undefined) throw new Error(`the driver ended before it listened: ${output.stderr}`);
  return {
    endpoint,
    exit,
    pid: child.pid ?? 0,
    log: () => output.stderr,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs the built driver until it ends by itself. */
export async function runDriver(flags: string[], env: Record<string, string> = {}): Promise<FinishedRun> {
  const { output, exit } = launch(['dist/main.js', ...flags], env);
  return { ...(await exit), ...output };
}

function launch(args: string[], env: Record<string, string>, stderr: number | 'pipe' = 'pipe') {
  const child: ChildProcess = spawn(process.execPath, args, {
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
