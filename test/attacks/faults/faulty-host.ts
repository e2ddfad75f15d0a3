import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import type { DriverProcess } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { outcomeOf, type Refusal } from '../../support/refusal.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { expectReplaced, expectSyncedAgain, isFailedSync, openFileOf } from './failed-sync.ts';
import { type Fault, injectionOf, isInjected, type OwnCall } from './fault.ts';
import { type Kind, lifeOf, type Places, type Step } from './life.ts';
import { nameOf, openedIn, settled, stateOf, unsettled } from './node-state.ts';
import { Strace, type SystemCall } from './strace.ts';
import { isOfDriver, mounts, syncs, tracedCalls, writes } from './system-calls.ts';
import { type Role, rolesOf, waits } from './threads.ts';

/** What the driver does in a step if nothing fails. */
interface Recording {
  readonly calls: readonly OwnCall[];
  readonly state: readonly string[];
  readonly opened: readonly string[];
}

/** No caller is to blame for a fault of the node, and no object may be reported as missing. */
const refusals: readonly Refusal['code'][] = [
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
];

/** The fault has hit a call that Node makes to wake a thread, and the process ends then. */
export class NodeHit extends Error {}

/** A node with a driver whose system calls can be made to fail. */
export class FaultyHost {
  private readonly node: TestNode;
  private readonly kind: Kind;
  private readonly pool: string;
  private readonly driver: DriverProcess;
  private readonly places: Places;
  private hasEnded = false;
  private roles: ReadonlyMap<number, Role> = new Map();
  private readonly recordings = new Map<string, Recording>();

  private constructor(node: TestNode, kind: Kind, pool: string, driver: DriverProcess) {
    this.node = node;
    this.kind = kind;
    this.pool = pool;
    this.driver = driver;
    this.places = { staging: node.newStaging(), target: node.newPath(), copyStaging: node.newStaging() };
    void driver.exit.then(() => {
      this.hasEnded = true;
    });
  }

  /** Starts a driver and records a life without faults. */
  static async start(kind: Kind): Promise<FaultyHost> {
    const node = testNode();
    // Nothing here depends on what reaches a disk, and each sync would wait for one.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=4g', 'none', node.directory]);
    const pool = kind.makePool?.(node.directory) ?? node.pool;
    const flags = [`--capacity=${nameOf(node, pool)}=1Gi`];
    if (pool !== node.pool) flags.push(`--pool=${nameOf(node, pool)}=${pool}`);
    // With a single thread for them, system calls come in the same order each time.
    const env = { UV_THREADPOOL_SIZE: '1' };
    const host = new FaultyHost(node, kind, pool, await node.start({ ownProcess: true, flags, env }));
    // What the first lives load and open stays.
    for (let life = 0; life < 2; life++) for (const step of host.life()) await host.perform(step);
    await host.record();
    return host;
  }

  life(): Step[] {
    return lifeOf(this.node, this.kind, this.places);
  }

  /** The system calls of a step. */
  callsOf(step: string): readonly OwnCall[] {
    return this.recordings.get(step)?.calls ?? [];
  }

  async dispose(): Promise<void> {
    await this.node.dispose();
  }

  private async perform(step: Step): Promise<void> {
    await step.call();
    await step.use?.();
    await settled(this.pool);
  }

  private async record(): Promise<void> {
    const made = new Map<string, SystemCall[]>();
    const after = new Map<string, Omit<Recording, 'calls'>>();
    for (const step of this.life()) {
      const strace = await this.traceAll([...tracedCalls, ...waits]);
      await step.call();
      await settled(this.pool);
      made.set(step.name, await strace.detach());
      await step.use?.();
      after.set(step.name, { state: await stateOf(this.node, this.pool), opened: openedIn(this.driver.pid) });
    }
    this.roles = rolesOf(this.driver.pid, [...made.values()].flat());
    for (const [name, left] of after)
      this.recordings.set(name, { ...left, calls: this.ownOf(made.get(name) ?? []) });
  }

  /** The system calls that are the driver's, rather than Node's or those of a program that it runs. */
  private ownOf(calls: readonly SystemCall[]): OwnCall[] {
    const directories = [this.node.directory, this.pool];
    return calls.flatMap((call) => {
      const role = this.roles.get(call.thread);
      const isOwn = directories.some((directory) => isOfDriver(call, directory));
      return role && isOwn ? [{ ...call, role }] : [];
    });
  }

  private traceAll(names: readonly string[]): Promise<Strace> {
    const words = [`--attach=${this.driver.pid}`, '--follow-forks', `--trace=${names.join()}`];
    return Strace.attach(this.node.directory, words);
  }

  /**
   * Makes a call during which a system call fails, and then again without.
   * @returns whether the system call was made
   */
  async tryFault(step: Step, fault: Fault): Promise<boolean> {
    const also = fault.also.map(({ name }) => name);
    const traced = new Set([fault.call.name, ...also, 'write', 'fsync', 'unlink']);
    // Any of the workers may do a task.
    const threads = [...this.roles.keys()].filter((thread) => this.roles.get(thread) === fault.call.role);
    const words = [...threads.map((thread) => `--attach=${thread}`), `--trace=${[...traced].join()}`];
    const strace = await Strace.attach(this.node.directory, [...words, ...injectionOf(fault)]);
    const outcome = await outcomeOf(step.call());
    // What a failed call leaves may be removed only by its repetition.
    await eventually(() => strace.calls().some(isInjected) || expect(unsettled(this.pool)).toEqual([]));
    const calls = await strace.detach();
    const index = calls.findIndex(isInjected);
    const failed = calls[index];
    if (failed?.args.includes('[eventfd]')) throw new NodeHit();
    expect(this.hasEnded, this.driver.log()).toBe(false);
    if (outcome !== 'OK') expect(refusals, outcome.details).toContain(outcome.code);
    if (mounts.includes(failed?.name ?? '') && step.target) expect(existsSync(step.target)).toBe(false);
    if (failed && isFailedSync(failed)) {
      if (outcome === 'OK') expectReplaced(failed, calls.slice(0, index), calls.slice(index));
      else await this.expectWrittenAgain(step, failed, fault);
    }
    await this.expectSuccess(step);
    return failed !== undefined;
  }

  private async expectWrittenAgain(step: Step, failed: SystemCall, { call, also }: Fault): Promise<void> {
    const strace = await this.traceAll([...syncs, ...writes]);
    await step.call();
    const repeated = await strace.detach();
    const wasWritten = this.callsOf(step.name).some(
      ({ name, args }) => writes.includes(name) && openFileOf(args) === openFileOf(call.args),
    );
    // An expansion that could not be undone either is not repeated. It writes no data.
    expectSyncedAgain(failed, repeated, { isWritten: wasWritten && also.length === 0 });
  }

  /** Expects a call to succeed, and to leave what it leaves if nothing fails. */
  async expectSuccess(step: Step): Promise<void> {
    await this.perform(step);
    const { state: wanted = [], opened = [] } = this.recordings.get(step.name) ?? {};
    const state = await stateOf(this.node, this.pool);
    const added = state.filter((line) => !wanted.includes(line));
    const missing = wanted.filter((line) => !state.includes(line));
    expect({ added, missing }).toEqual({ added: [], missing: [] });
    // The same line may be there more than once.
    expect(state).toEqual(wanted);
    // A pool that is reached again is looked at once more in the background.
    await eventually(() => expect(openedIn(this.driver.pid)).toEqual(opened));
  }
}
