import type { SystemCall } from './strace.ts';
import { changingCalls, errorsOf } from './system-calls.ts';
import type { Role } from './threads.ts';

/** A system call of the driver. */
export type OwnCall = SystemCall & { readonly role: Role };

/** A system call that fails while the driver answers a call. */
export interface Fault {
  readonly call: OwnCall;
  readonly error: string;
  /** The calls of the thread that change files, from this one on, if they fail as well: a disk has become read-only. */
  readonly also: readonly Pick<OwnCall, 'name' | 'occurrence'>[];
}

/** The faults of a call of the driver, given the system calls that it makes. */
export function faultsOf(calls: readonly OwnCall[]): Fault[] {
  return calls.flatMap((call) => {
    if (isAmongNodes(call, calls)) return [];
    const single = errorsOf(call).map((error) => ({ call, error, also: [] }));
    const isChange = changingCalls.includes(call.name);
    return isChange ? [...single, { call, error: 'EROFS', also: changesFrom(call, calls) }] : single;
  });
}

/** Whether a call may change places with those that Node makes to wake a thread, and that must not fail. */
function isAmongNodes(call: OwnCall, calls: readonly OwnCall[]): boolean {
  if (!['read', 'write'].includes(call.name) || call.role === 'pool') return false;
  const own = calls.filter(({ name, thread }) => name === call.name && thread === call.thread);
  return call.role === 'main' || call.occurrence !== own.indexOf(call) + 1;
}

/** From which occurrence on each changing call of the thread comes after a call. */
function changesFrom(call: OwnCall, calls: readonly OwnCall[]): Fault['also'] {
  const before = calls.slice(0, calls.indexOf(call)).filter(({ thread }) => thread === call.thread);
  return changingCalls.map((name) => {
    const last = before.findLast((each) => each.name === name);
    return { name, occurrence: (last?.occurrence ?? 0) + 1 };
  });
}

/** A line that names a fault of a step. */
export function titleOf(step: string, { call, error, also }: Fault): string {
  const { role, name, occurrence, args } = call;
  const what = also.length > 0 ? `${error} from then on, from` : `${error} from`;
  return `${step}: ${what} ${name} ${occurrence} of the ${role} thread, ${name}(${args.slice(0, 160)})`;
}

/** How strace is told to make it happen. */
export function injectionOf({ call, error, also }: Fault): string[] {
  if (also.length === 0) return [`--inject=${call.name}:error=${error}:when=${call.occurrence}`];
  return also.map(({ name, occurrence }) => `--inject=${name}:error=${error}:when=${occurrence}+`);
}

export function isInjected({ result }: Pick<SystemCall, 'result'>): boolean {
  return result.endsWith('(INJECTED)');
}
