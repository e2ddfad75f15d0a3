import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** How long the calls of one RPC took, in microseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** What the client and the floor print. */
export interface Report {
  readonly seconds: number;
  /** Calls, lives or rounds a second. */
  readonly rate: number;
  readonly errors: Readonly<Record<string, number>>;
  /** One of the messages of each kind of error. */
  readonly messages?: Readonly<Record<string, string>>;
  readonly calls: Readonly<Record<string, Latency>>;
  /** The median of each page of a list. */
  readonly pages?: readonly number[];
}

/** How much is measured. */
export interface Load {
  readonly calls: number;
  readonly warmUp: number;
  readonly concurrency: number;
}

/** Runs a program that prints a report. */
export async function reportOf(program: string, args: readonly string[]): Promise<Report> {
  const { stdout } = await execFileAsync(program, args, { maxBuffer: MAX_OUTPUT_BYTES });
  return JSON.parse(stdout) as Report;
}

/** The median of one RPC, or the sum of those of several, in microseconds. */
export function medianOf({ calls }: Report, ...names: string[]): number {
  return names.reduce((sum, name) => {
    const latency = calls[name];
    if (!latency) throw new Error(`no ${name} was measured`);
    return sum + latency.p50;
  }, 0);
}
