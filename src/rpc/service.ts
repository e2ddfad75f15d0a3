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
import { type RunningCall, replyBeforeDeadline } from './reply-before-deadline.ts';
import { SingleFlightCalls } from './single-flight-calls.ts';
import { statusOf } from './status.ts';
import { type StreamMethod, streamHandler } from './stream-handler.ts';

/** One unary RPC: a plain async function, and the objects that it holds while it runs. */
export interface Method<Request, Response> {
  /** Returns the reply, or throws a VolumeError. */
  handle(request: Request, held: Held): Promise<Response>;
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

type AnyMethod = Method<unknown, unknown>;
type AnyStreamMethod = StreamMethod<unknown, unknown>;
type UnaryCall = ServerUnaryCall<unknown, unknown>;

/** The methods of a service, with any messages. */
export type AnyMethods = Readonly<Record<string, AnyMethod | AnyStreamMethod | undefined>>;

/** How the calls of a service are processed. */
export interface ServiceParts {
  readonly holds: Pick<Holds, 'hold'>;
  readonly monitor: CallMonitor;
  /** Begins the task of a call, which has its own methods; by default all calls share the same ones. */
  readonly begin?: () => CallWork<AnyMethods>;
}

/** Converts the methods of a service into handlers for grpc-js, each with its holds and its log line. */
export function implementService(
  definition: ServiceDefinition,
  methods: AnyMethods,
  { holds, monitor, begin = () => workWithoutResources(methods) }: ServiceParts,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(definition).map(([name, { path, responseStream }]) => {
      const methodIn = (all: AnyMethods) => all[name] ?? unimplemented(path, responseStream);
      const method = methodIn(methods);
      if ('stream' in method) {
        const beginStream = () => {
          const work = begin();
          return { work, method: methodIn(work.methods) as AnyStreamMethod };
        };
        return [name, streamHandler(beginStream, (request, run) => monitor.run(path, request, run))];
      }
      const start = (request: unknown): RunningCall => {
        const work = begin();
        const handle = (held: Held) => (methodIn(work.methods) as AnyMethod).handle(request, held);
        return {
          reply: runHolding(method, request, holds, (held) => during(work, () => handle(held))),
          checkResponding: () => work.checkResponding(),
        };
      };
      const singleFlight = new SingleFlightCalls(start);
      const answer = (request: unknown) =>
        method.canJoin?.(request) ? singleFlight.join(request) : start(request);
      return [name, unaryHandler(answer, monitor, path)];
    }),
  );
}

async function runHolding(
  method: AnyMethod,
  request: unknown,
  holds: ServiceParts['holds'],
  run: (held: Held) => Promise<unknown>,
): Promise<unknown> {
  const held = holds.hold(method.holds?.(request) ?? []);
  try {
    return await run(held);
  } finally {
    held.release();
  }
}

// A caller that disconnects or reaches its deadline stops only its own waiting; the work runs to its end, so that
// nothing is left half-done, and a retry finds the result.
function unaryHandler(answer: (request: unknown) => RunningCall, monitor: CallMonitor, path: string) {
  return (call: UnaryCall, callback: sendUnaryData<unknown>): void => {
    const { request } = call;
    const { reply, checkResponding } = answer(request);
    const monitored = monitor.start(path, request);
    const watched = monitored.run(() => reply);
    const onStalled = (error: VolumeError) => monitored.reportStalled(error);
    replyBeforeDeadline({ reply: watched, checkResponding }, call.getDeadline(), onStalled).then(
      (message) => callback(null, message),
      (error: unknown) => callback(statusOf(error)),
    );
  };
}

function unimplemented(path: string, isStream: boolean): AnyMethod | AnyStreamMethod {
  const refuse = () => {
    throw new VolumeError('unimplemented', `${path} is not supported by this driver`);
  };
  return isStream ? { stream: refuse } : { handle: async () => refuse() };
}
