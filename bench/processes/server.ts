import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inOwnNamespace } from '../../scripts/lib/namespace.mjs';
import { type Heap, heapIn } from './heap.ts';

// Of proc(5), counted after the name in parentheses, which may contain spaces.
const CHILDREN_MINOR_FAULTS = 8;
const KIB_PER_MIB = 1024;

export interface ServerSpec {
  /** The arguments of Node. */
  readonly args: readonly string[];
  /** Where its output goes. */
  readonly logPath: string;
  /** Whether its mounts are visible to the benchmark. */
  readonly sharesMounts?: boolean | undefined;
}

/** A gRPC server in a process of its own. */
export class Server {
  readonly endpoint: string;
  /** From the start of the process until it listened. */
  readonly startMs: number;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, endpoint: string, startMs: number) {
    this.child = child;
    this.endpoint = endpoint;
    this.startMs = startMs;
  }

  /** Starts it as its image does, and waits until it listens. */
  static async start({ args, logPath, sharesMounts }: ServerSpec): Promise<Server> {
    const log = openSync(logPath, 'a');
    const startedAt = performance.now();
    const command = [process.execPath, ...args];
    const [program = '', ...words] = sharesMounts ? command : inOwnNamespace(command);
    const child = spawn(program, words, {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', UV_THREADPOOL_SIZE: '192' },
    });
    closeSync(log);
    const listening = once(child, 'message').then(([message]) => message as { listening: string });
    const ended = once(child, 'exit').then(() => undefined);
    const message = await Promise.race([listening, ended]);
    if (!message)
      throw new Error(`${args.join(' ')} ended before it listened: ${readFileSync(logPath, 'utf8')}`);
    return new Server(child, message.listening, performance.now() - startedAt);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exit;
  }

  /** Its resident memory. */
  get residentMib(): number {
    return this.statusMib('VmRSS');
  }

  /** The number of its open descriptors. */
  get descriptorCount(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  get threadCount(): number {
    return this.statusNumber('Threads');
  }

  /** The most that was resident at once since `forgetPeak`. */
  get peakMib(): number {
    return this.statusMib('VmHWM');
  }

  /** What is on its heap, after its garbage is collected. It must have been started with `heap-probe.mjs`. */
  async heap(): Promise<Heap> {
    const directory = mkdtempSync(join(tmpdir(), 'heap-'));
    try {
      const reply = once(this.child, 'message');
      this.child.send({ heapSnapshot: join(directory, 'snapshot') });
      const [{ written }] = (await reply) as [{ written: string }];
      return heapIn(written);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** A number that grows with every program that it runs and waits for. */
  get childrensFaults(): number {
    const [, fields = ''] = this.procFile('stat').split(') ');
    return Number(fields.split(' ')[CHILDREN_MINOR_FAULTS]);
  }

  private statusMib(name: string): number {
    return this.statusNumber(name) / KIB_PER_MIB;
  }

  private statusNumber(name: string): number {
    const [, number] = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(this.procFile('status')) ?? [];
    return Number(number);
  }

  private procFile(name: string): string {
    return readFileSync(`/proc/${this.child.pid}/${name}`, 'utf8');
  }
}
