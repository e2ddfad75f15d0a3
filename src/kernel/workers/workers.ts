import { Worker } from 'node:worker_threads';
import { StopFlag } from '../calls/stop-flag.ts';
import {
  fromFailure,
  isReply,
  type TaskMessage,
  type TaskReply,
  type TaskReport,
  type TaskRequest,
} from './task-message.ts';
import type { Tasks } from './tasks.ts';

// Under a loader for TypeScript, as in tests, this file is a source: the built worker starts several times as fast.
const program = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/kernel/workers/worker.js' : './worker.js',
  import.meta.url,
);

// Tasks keep little in memory. V8 would let garbage collect until there are tens of megabytes of it.
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

/** The workers without a task. The one that worked last is the next, since its code and data are in the CPU's caches. */
const idle: Worker[] = [];

/** Stops a task, and follows its progress. */
export interface TaskControl {
  readonly signal: AbortSignal;
  readonly onReport?: (report: TaskReport) => void;
}

/**
 * Does a task on a thread of its own, and with a single switch to it and back: a chain of system calls through libuv
 * switches for each of them. Starts a worker unless one is idle, so callers limit how many tasks run at once. A task that
 * hangs keeps its worker.
 * @throws what the task throws: a KernelError in place of any error of a system call, the signal's reason in place of
 *   StoppedError
 */
export async function runTask<Name extends keyof Tasks>(
  name: Name,
  args: TaskArguments<Name>,
  control?: TaskControl,
): Promise<Awaited<ReturnType<Tasks[Name]>>> {
  const worker = idle.pop() ?? startWorker();
  worker.ref();
  const reply = await performIn(worker, { name, args }, control);
  worker.unref();
  idle.push(worker);
  if ('failure' in reply) throw fromFailure(reply.failure, control?.signal.reason);
  return reply.value as Awaited<ReturnType<Tasks[Name]>>;
}

/** The arguments of a task, but for the control of its own thread. */
type TaskArguments<Name extends keyof Tasks> =
  Parameters<Tasks[Name]> extends [...infer Args, { stop: StopFlag }] ? Args : Parameters<Tasks[Name]>;

function startWorker(): Worker {
  // Node does not know of the descriptors that system calls open, and would warn when one is closed.
  return new Worker(program, { resourceLimits, execArgv: [], trackUnmanagedFds: false });
}

async function performIn(
  worker: Worker,
  { name, args }: Pick<TaskRequest, 'name' | 'args'>,
  control: TaskControl | undefined,
): Promise<TaskReply> {
  if (control === undefined) return exchange(worker, { name, args, stop: undefined });
  const { signal, onReport } = control;
  const flag = new StopFlag();
  const stop = () => flag.stop();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await exchange(worker, { name, args, stop: flag.shared }, onReport);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function exchange(
  worker: Worker,
  request: TaskRequest,
  onReport?: (report: TaskReport) => void,
): Promise<TaskReply> {
  return new Promise((resolve, reject) => {
    const received = (message: TaskMessage) => {
      if (!isReply(message)) return onReport?.(message);
      worker.off('message', received);
      worker.off('error', reject);
      resolve(message);
    };
    worker.on('message', received);
    worker.once('error', reject);
    worker.postMessage(request);
  });
}
