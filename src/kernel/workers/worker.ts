// The program of a worker thread: does one task after another, and ends with the process.
import { parentPort } from 'node:worker_threads';
import { blockInCalls } from '../calls/blocking.ts';
import { StopFlag } from '../calls/stop-flag.ts';
import { ByteReports } from './byte-reports.ts';
import { type TaskMessage, type TaskReply, type TaskRequest, toFailure } from './task-message.ts';
import { tasks } from './tasks.ts';

blockInCalls();

const byName: Readonly<Record<string, ((...args: never[]) => unknown) | undefined>> = tasks;

const send = (message: TaskMessage) => parentPort?.postMessage(message);

parentPort?.on('message', async (request: TaskRequest) => send(await perform(request)));

async function perform({ name, args, stop }: TaskRequest): Promise<TaskReply> {
  const reports = new ByteReports((copiedBytes) => send({ copiedBytes }));
  const control = {
    stop: new StopFlag(stop),
    onBytes: (bytes: bigint) => reports.add(bytes),
    onWait: (file: string) => send({ waitsFor: file }),
  };
  try {
    return { value: await byName[name]?.(...([...args, control] as never[])) };
  } catch (error) {
    return { failure: toFailure(error) };
  } finally {
    reports.flush();
  }
}
