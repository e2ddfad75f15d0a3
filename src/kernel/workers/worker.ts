// The program of a worker thread: does one task after another, and ends with the process.
import { parentPort } from 'node:worker_threads';
import { type TaskReply, type TaskRequest, toFailure } from './task-message.ts';
import { tasks } from './tasks.ts';

const byName: Readonly<Record<string, ((...args: never[]) => unknown) | undefined>> = tasks;

parentPort?.on('message', async ({ name, args }: TaskRequest) => {
  parentPort?.postMessage(await reply(name, args));
});

async function reply(name: string, args: readonly unknown[]): Promise<TaskReply> {
  try {
    return { value: await byName[name]?.(...(args as never[])) };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}
