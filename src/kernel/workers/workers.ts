import { Worker } from 'node:worker_threads';
import { fromFailure, type TaskReply, type TaskRequest } from './task-message.ts';
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

/**
 * Does a task on a thread of its own, and with a single switch to it and back: a chain of system calls through libuv
 * switches for each of them. Starts a worker unless one is idle, so callers limit how many tasks run at once. A task that
 * hangs keeps its worker.
 * @throws what the task throws: a KernelError in place of any error of a system call
 */
export async function runTask<Name extends keyof Tasks>(
  name: Name,
  ...args: Parameters<Tasks[Name]>
): Promise<Awaited<ReturnType<Tasks[Name]>>> {
  const worker = idle.pop() ?? startWorker();
  worker.ref();
  const reply = await exchange(worker, { name, args });
  worker.unref();
  idle.push(worker);
  if ('failure' in reply) throw fromFailure(reply.failure);
  return reply.value as Awaited<ReturnType<Tasks[Name]>>;
}

function startWorker(): Worker {
  // Node does not know of the descriptors that system calls open, and would warn when one is closed.
  return new Worker(program, { resourceLimits, execArgv: [], trackUnmanagedFds: false });
}

function exchange(worker: Worker, request: TaskRequest): Promise<TaskReply> {
  return new Promise((resolve, reject) => {
    const replied = (reply: TaskReply) => {
      worker.off('error', failed);
      resolve(reply);
    };
    const failed = (error: Error) => {
      worker.off('message', replied);
      reject(error);
    };
    worker.once('message', replied);
    worker.once('error', failed);
    worker.postMessage(request);
  });
}
