import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Step } from '../../src/model/steps.ts';
import { type Limited, withoutCapability } from '../support/capabilities.ts';
import { type DriverProcess, type Exit, programs } from '../support/driver-process.ts';
import { eventually } from '../support/eventually.ts';
import { kubeletOf } from '../support/inline-pod.ts';
import { loopsBelow, mountsBelow } from '../support/scratch.ts';
import { type TestNode, testNode } from '../support/test-node.ts';
import { thawAtEnd, thawBelow } from '../support/thaw-mounts.ts';

// How long background work may take before the test fails; no test waits longer than the work takes.

/** A node whose driver is stopped at steps of its work, and started again and again. */
export class StoppableNode {
  readonly test: TestNode;
  /** The pool that is used, and its name. */
  readonly pool: string;
  readonly poolName: string;
  private readonly stopFile: string;
  private readonly flags: readonly string[];
  private exit: Exit | undefined;

  /** @param pool to use another pool than the default one */
  constructor(pool: string | undefined, flags: readonly string[] = []) {
    this.test = testNode();
    this.flags = flags;
    this.pool = pool ?? this.test.pool;
    this.poolName = pool === undefined ? 'default' : 'other';
    this.stopFile = join(this.test.directory, 'stop');
    thawAtEnd(this.pool);
  }

  /** Starts a driver that is not stopped anywhere. @param withoutSysAdmin so that it can neither mount nor thaw anything */
  async start({ withoutSysAdmin = false } = {}): Promise<DriverProcess> {
    rmSync(this.stopFile, { force: true });
    const driver = await this.launch(withoutSysAdmin ? withoutCapability('SYS_ADMIN') : undefined);
    this.exit = undefined;
    void driver.exit.then((exit) => {
      this.exit = exit;
    });
    return driver;
  }

  /** Starts a driver that is killed at one step of its background work. */
  async dieAtStart(step: Step): Promise<void> {
    writeFileSync(this.stopFile, `kill ${step}`);
    // The background work is mostly done by the time it listens.
    const exit = await this.launch().then(
      (driver) => driver.exit,
      () => undefined,
    );
    if (exit) expect(exit, step).toEqual({ code: null, signal: 'SIGKILL' });
  }

  /** Makes a call, at one step of which the driver is killed. */
  async dieAt(step: Step, call: () => Promise<unknown>): Promise<void> {
    writeFileSync(this.stopFile, `kill ${step}`);
    // The background work is mostly done after the answer.
    await call().catch(() => {});
    await eventually(() => expect(this.exit, step).toEqual({ code: null, signal: 'SIGKILL' }), {
      interval: 10,
    });
  }

  /** Does something while a call is held at a step. @returns how the call ended */
  async whileHeldAt<T>(
    step: Step,
    call: () => Promise<T>,
    act: () => unknown,
  ): Promise<PromiseSettledResult<T>> {
    const held = `${this.stopFile}.held`;
    rmSync(held, { force: true });
    writeFileSync(this.stopFile, `hold ${step}`);
    const ended = Promise.allSettled([call()]);
    try {
      await eventually(() => expect(existsSync(held)).toBe(true), { interval: 10 });
      await act();
    } finally {
      rmSync(this.stopFile);
    }
    const [result] = await ended;
    return result;
  }

  private launch(limited?: Limited): Promise<DriverProcess> {
    const ofPool = this.poolName === 'default' ? [] : [`--pool=${this.poolName}=${this.pool}`];
    const flags = [...kubeletOf(this.test).flags, ...ofPool, ...this.flags];
    const program = [...(limited?.program ?? []), programs.stoppableDriver];
    return this.test.start({ flags, program, env: { STOP_FILE: this.stopFile, ...limited?.env } });
  }

  /** Expects nothing half-built, half-removed, marked or frozen to be left. */
  async expectTidy(): Promise<void> {
    for (const name of ['.incoming', '.outgoing']) await this.expectEmpty(name);
    await this.expectThawed();
  }

  /** Expects nothing to be marked or frozen. */
  async expectThawed(): Promise<void> {
    await this.expectEmpty('.csi-hostpath/frozen');
    expect(await thawBelow(this.pool)).toEqual([]);
  }

  private async expectEmpty(name: string): Promise<void> {
    await eventually(() => expect(readdirSync(join(this.pool, name)), name).toEqual([]), { interval: 10 });
  }

  /** Expects nothing to be mounted, attached or recorded any more. */
  async expectNothingLeft(): Promise<void> {
    await this.expectTidy();
    expect(await mountsBelow(this.test.directory)).toEqual([]);
    await eventually(() => expect(loopsBelow(this.pool)).toEqual([]), { interval: 10 });
    for (const home of ['volumes', 'snapshots', 'groups']) {
      expect(readdirSync(join(this.pool, home)), home).toEqual([]);
    }
  }
}
