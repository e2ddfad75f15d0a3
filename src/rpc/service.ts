import type {
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { VolumeError } from '../model/errors.ts';
import type { Held, HoldRequest, Holds } from '../model/state/holds.ts';
import type { CallMonitor } from './call-monitor.ts';
import { type CallWork, during, workWithoutResources } from './call-work.ts';
import type { EncodedReply } from './encoded-reply.ts';
import { type RunningCall, replyBeforeDeadline } from './reply-before-deadline.ts';
import { SingleFlightCalls } from './single-flight-calls.ts';
import { statusOf } from './status.ts';
import { type StreamMethod, streamHandler } from './stream-handler.ts';

/** One unary RPC: a plain async function, and the objects that it holds while it runs. */
export interface Method<Request, Response> {
  /** Returns the reply, or throws a VolumeError. */
  handle(request: Request, held: Held): Promise<Response | EncodedReply<Response & object>>;
  /** What the call holds; if another call holds any of it, the call is answered ABORTED. Read-only calls hold nothing. */
  holds?(request: Request): HoldRequest[];
  /** Whether a call with the same request as one in progress shares its answer. */
  canJoin?(request: Request): boolean;
}

/**
 * The RPCs of a service that this driver implements; the others answer UNIMPLEMENTED. Requests are as proto-loader
 * creates them (every field present), replies as it accepts them. The generated types do not say which RPCs stream, so
 * `Kind` does; in each service either all of them stream or none does.
 */
export type Methods<Definition, Kind extends 'unary' | 'stream' = 'unary'> = {
  readonly [Name in keyof Definition as string extends Name
    ? never
    : Name]?: Definition[Name] extends MethodDefinition<
    infer _Request,
    infer Response,
    infer RequestOutput,
    infer _ResponseOutput
  >
    ? Kind extends 'stream'
      ? StreamMethod<RequestOutput, Response>
      : Method<RequestOutput, Response>
    : never;
};

/**
 * How to make each method of a service. A call may have a method of its own, which uses the parts of this call: it is made
 * when the call begins, and the others are not.
 */
export type MethodMakers<Parts, Definition, Kind extends 'unary' | 'stream' = 'unary'> = {
  readonly [Name in keyof Methods<Definition, Kind>]: (
    parts: Parts,
  ) => NonNullable<Methods<Definition, Kind>[Name]>;
};

/** Makes every method of a service. */
export function methodsFor<Parts, Definition, Kind extends 'unary' | 'stream'>(
  makers: MethodMakers<Parts, Definition, Kind>,
  parts: Parts,
): Methods<Definition, Kind> {
  const made = Object.entries(makers as AnyMakers<Parts>).map(([name, make]) => [name, make(parts)]);
  return Object.fromEntries(made);
}

type AnyMakers<Parts> = Readonly<Record<string, (parts: Parts) => unknown>>;
type AnyMethod = Method<unknown, unknown>;
type AnyStreamMethod = StreamMethod<unknown, unknown>;
type UnaryCall = ServerUnaryCall<unknown, unknown>;

/** A method of either kind, with any messages. */
export type AnyKind = AnyMethod | AnyStreamMethod;

/** The methods of a service, with any messages. */
export type AnyMethods = Readonly<Record<string, AnyKind | undefined>>;

/** How the calls of a service are processed. */
export interface ServiceParts {
  readonly holds: Pick<Holds, 'hold'>;
  readonly monitor: CallMonitor;
  /** Begins the task of a call, which has a method of its own; by default all calls share the methods. */
  readonly begin?: ((name: string) => CallWork<AnyKind>) | undefined;
}

/** Converts the methods of a service into handlers for grpc-js, each with its holds and its log line. */
export function implementService(
  definition: ServiceDefinition,
  methods: AnyMethods,
  { holds, monitor, begin }: ServiceParts,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(definition).map(([name, { path, responseStream }]) => {
      const method = methods[name] ?? unimplemented(path, responseStream);
      const ownWork = methods[name] && begin;
      const beginWork = ownWork ? () => ownWork(name) : () => workWithoutResources(method);
      if ('stream' in method) {
        const beginStream = beginWork as () => CallWork<AnyStreamMethod>;
        return [name, streamHandler(beginStream, (request, run) => monitor.run(path, request, run))];
      }
      if (!ownWork && !method.holds && !method.canJoin)
        return [name, plainHandler(method, holds.hold([]), monitor, path)];
      const start = (request: unknown): RunningTask => {
        const work = beginWork() as CallWork<AnyMethod>;
        return {
          reply: runHolding(work, request, holds, method),
          checkResponding: () => work.checkResponding(),
          callerCount: 0,
          abandon: () => work.abandon(),
        };
      };
      const singleFlight = new SingleFlightCalls(start);
      const answer = (call: UnaryCall) => {
        const { request } = call;
        if (!method.canJoin?.(request)) return start(request);
        const joined = singleFlight.join(request);
        countCaller(call, joined);
        return joined;
      };
      return [name, unaryHandler(answer, monitor, path)];
    }),
  );
}

/** The handler of a method that uses no pools and holds nothing, so that no call of it needs a task or can stall. */
function plainHandler(method: AnyMethod, nothing: Held, monitor: CallMonitor, path: string) {
  return ({ request }: UnaryCall, callback: sendUnaryData<unknown>): void => {
    const reply = monitor.run(path, request, () => method.handle(request, nothing));
    replyTo(callback, reply);
  };
}

async function runHolding(
  work: CallWork<AnyMethod>,
  request: unknown,
  holds: ServiceParts['holds'],
  { holds: holdsOf }: Pick<AnyMethod, 'holds'>,
): Promise<unknown> {
  const held = holds.hold(holdsOf?.(request) ?? []);
  try {
    return await during(work, () => work.method.handle(request, held));
  } finally {
    held.release();
  }
}

/** A task, and the calls that wait for it. */
interface RunningTask extends RunningCall {
  callerCount: number;
  abandon(): void;
}

function countCaller(call: UnaryCall, task: RunningTask): void {
  task.callerCount++;
  // Also emitted at the deadline, and after the end of every call.
  call.once('cancelled', () => {
    task.callerCount--;
    if (task.callerCount === 0) task.abandon();
  });
}

// A caller that disconnects or reaches its deadline stops only its own waiting; work that has begun runs to its end, so
// that nothing is left half-done, and a retry finds the result.
function unaryHandler(answer: (call: UnaryCall) => RunningCall, monitor: CallMonitor, path: string) {
  return (call: UnaryCall, callback: sendUnaryData<unknown>): void => {
    const { request } = call;
    const { reply, checkResponding } = answer(call);
    const monitored = monitor.start(path, request);
    const watched = monitored.run(() => reply);
    const onStalled = (error: VolumeError) => monitored.reportStalled(error);
    replyTo(
      callback,
      replyBeforeDeadline({ reply: watched, checkResponding }, call.getDeadline(), onStalled),
    );
  };
}

function replyTo(callback: sendUnaryData<unknown>, reply: Promise<unknown>): void {
  reply.then(
    (message) => callback(null, message),
    (error: unknown) => callback(statusOf(error)),
  );
}

function unimplemented(path: string, isStream: boolean): AnyKind {
  const refuse = () => {
    throw new VolumeError('unimplemented', `${path} is not supported by this driver`);
  };
  return isStream ? { stream: refuse } : { handle: async () => refuse() };
}
