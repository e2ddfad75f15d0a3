import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Attempt, attempt, type Call, keysOf } from './calls.ts';
import { type Ended, explain } from './explain.ts';
import { ModelDriver, NO_REPLY } from './model-driver.ts';
import { empty, type State } from './state.ts';

const numRuns = Number(process.env['MODEL_RUNS'] ?? 4);
const seed = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const MAX_COMMANDS = 60;
const TIMEOUT_MS = 4 * 60 * 60_000;

/** The states that the driver can be in, after all that it has replied. */
interface Model {
  states: readonly State[];
}

type Command = fc.AsyncCommand<Model, ModelDriver>;

/** Several clients call the driver at the same time. */
class AtOnce implements Command {
  private readonly attempts: readonly Attempt[];
  private readonly isRestarted: boolean;

  constructor(attempts: readonly Attempt[], isRestarted: boolean) {
    this.attempts = attempts;
    this.isRestarted = isRestarted;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, driver: ModelDriver): Promise<void> {
    const attempts = this.attempts.map((each) => ({ ...each, call: driver.resolve(each.call) }));
    const running = attempts.map((each) => made(driver, each));
    if (this.isRestarted) await driver.restart();
    const ended = await Promise.all(running);
    for (const [index, { call, end }] of ended.entries()) {
      const others = attempts.filter((_, other) => other !== index);
      if (end === 'refused while another ran')
        expect(
          others.some((other) => isHeld(call, other.call)),
          this.toString(),
        ).toBe(true);
    }
    follow(model, ended);
    for (const { call, end } of ended) if (end === 'no reply') follow(model, [await repeated(driver, call)]);
    for (const rpc of ['ListVolumes', 'ListSnapshots', 'GetCapacity'] as const) {
      follow(model, [await repeated(driver, { rpc })]);
    }
    const mounted = await driver.mountedPaths();
    expect(model.states.map(({ mounts }) => Object.keys(mounts).sort())).toContainEqual(mounted);
    model.states = model.states.filter(({ mounts }) => Object.keys(mounts).sort().join() === mounted.join());
  }

  toString(): string {
    const calls = this.attempts.map(({ call: { rpc, ...fields }, deadlineMs, cancelMs }) => {
      const limit = [
        deadlineMs && `deadline ${deadlineMs} ms`,
        cancelMs && `cancelled after ${cancelMs} ms`,
      ].filter(Boolean);
      return [`${rpc} ${Object.values(fields).join(' ')}`, ...limit].join(', ');
    });
    return `[${calls.join(' | ')}${this.isRestarted ? ' | restart' : ''}]`;
  }
}

async function made(driver: ModelDriver, { call, deadlineMs, cancelMs }: Attempt): Promise<Ended> {
  const reply = await driver.call(call, {
    ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
    ...(cancelMs === undefined ? {} : { signal: AbortSignal.timeout(cancelMs) }),
  });
  if (reply.code === 'ABORTED') return { call, end: 'refused while another ran' };
  return { call, end: NO_REPLY.includes(reply.code) ? 'no reply' : { reply } };
}

/** Repeats a call until no other holds what it needs, as its client would. */
async function repeated(driver: ModelDriver, call: Call): Promise<Ended> {
  for (;;) {
    const reply = await driver.call(call);
    if (reply.code !== 'ABORTED') return { call, end: { reply } };
  }
}

function follow(model: Model, ended: readonly Ended[]): void {
  const states = explain(model.states, ended);
  if (states.length === 0) {
    throw new Error(
      `no order of these calls explains their replies:\n${show(ended)}\nbefore them:\n${show(model.states)}`,
    );
  }
  model.states = states;
}

function isHeld(call: Call, other: Call): boolean {
  const keys = keysOf(other);
  return keysOf(call).some((key) => keys.includes(key));
}

function show(items: readonly unknown[]): string {
  return items.map((item) => JSON.stringify(item)).join('\n');
}

const commands = fc.commands(
  [
    fc
      .tuple(fc.array(attempt, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 19 }))
      .map(([attempts, chance]) => new AtOnce(attempts, chance === 19)),
  ],
  { maxCommands: MAX_COMMANDS, size: 'max' },
);

test(
  `the replies to any calls, some of them at once or given up, are those of calls one after the other (MODEL_SEED=${seed})`,
  async () => {
    const property = fc.asyncProperty(commands, async (run) => {
      const driver = await ModelDriver.start();
      try {
        await fc.asyncModelRun(() => ({ model: { states: [empty] }, real: driver }), run);
      } finally {
        await driver.dispose();
      }
    });
    await fc.assert(property, { numRuns, seed });
  },
  TIMEOUT_MS,
);
