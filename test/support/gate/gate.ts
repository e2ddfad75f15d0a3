import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Step } from '../../../src/model/steps.ts';
import { programs } from '../driver-process.ts';
import type { OwnProcess } from '../test-node.ts';

/** A place in the driver's own program where calls wait for the test. */
export interface Gate {
  /** The flags and environment for the driver. */
  readonly start: OwnProcess;
  /** Resolves when a call has reached the step; it waits there. */
  reached(): Promise<void>;
  /** Releases all waiting calls. */
  open(): void;
}

/** @param socketPath of a socket that the gate listens on */
export async function gateAt(step: Step, socketPath: string): Promise<Gate> {
  const waiting: Socket[] = [];
  const server = createServer((socket) => waiting.push(socket.resume()));
  const open = () => {
    for (const socket of waiting.splice(0)) socket.destroy();
  };
  onTestFinished(() => {
    open();
    server.close();
  });
  await once(server.listen(socketPath), 'listening');
  return {
    start: {
      program: [programs.gatedDriver],
      env: { GATE_STEP: step, GATE_SOCKET: socketPath },
    },
    async reached() {
      if (waiting.length === 0) await once(server, 'connection');
    },
    open,
  };
}
