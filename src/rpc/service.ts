import type {
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { VolumeError } from '../model/errors.ts';
import { answerInTime, type Running } from './answer-in-time.ts';
import type { CallMonitor } from './call-monitor.ts';
import { type CallWork, during, freeWork } from './call-work.ts';
import { JointCalls } from './joint-calls.ts';
import type { KeyLocks, Lock } from './key-locks.ts';
import { statusOf } from './status.ts';
import { type StreamMethod, streamHandler } from './stream-handler.ts';

/** One unary RPC: a plain async function, and the objects that it locks while it runs. */
export interface Method<Request, Response> {
  /** Returns the reply, or throws a VolumeError. */
  handle(request: Request): Promise<Response>;
  /** The locks of the call; if any of them is held, the call is answered ABORTED. Read-only calls take none. */
  locks?(request: Request): Lock[];
  /** Whether a call with the same request as one in progress shares its answer. */
  joins?(request: Request): boolean;
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
  readonly locks: KeyLocks;
  readonly monitor: CallMonitor;
  /** Begins the task of a call, which has its own methods; by default all calls share the same ones. */
  readonly begin?: () => CallWork<AnyMethods>;
}

/** Converts the methods of a service into handlers for grpc-js, each with its locks and its log line. */
export function implementService(
  definition: ServiceDefinition,
  methods: AnyMethods,
  { locks, monitor, begin = () => freeWork(methods) }: ServiceParts,
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
        return [name, streamHandler(beginStream, (request, run) => monitor.watch(path, request, run))];
      }
      const start = (request: unknown): Running => {
        const work = begin();
        const handle = () => (methodIn(work.methods) as AnyMethod).handle(request);
        return {
          reply: runLocked(method, request, locks, () => during(work, handle)),
          ask: () => work.ask(),
        };
      };
      const joint = new JointCalls(start);
      const answer = (request: unknown) => (method.joins?.(request) ? joint.join(request) : start(request));
      return [name, unaryHandler(answer, monitor, path)];
    }),
  );
}

async function runLocked(
  method: AnyMethod,
  request: unknown,
  locks: KeyLocks,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const acquired = locks.tryAcquire(method.locks?.(request) ?? []);
  if ('heldKey' in acquired) {
    throw new VolumeError(
      'aborted',
      `another call is working on ${acquired.heldKey}; call again when it is done`,
    );
  }
  try {
    return await run();
  } finally {
    acquired.release();
  }
}

// A caller that disconnects or reaches its deadline stops only its own waiting; the work runs to its end, so that
// nothing is left half-done, and a retry finds the result.
function unaryHandler(answer: (request: unknown) => Running, monitor: CallMonitor, path: string) {
  return (call: UnaryCall, callback: sendUnaryData<unknown>): void => {
    const { request } = call;
    const { reply, ask } = answer(request);
    const watched = monitor.watch(path, request, () => reply);
    const onGivenUp = (error: VolumeError) => monitor.giveUp(path, request, error);
    answerInTime({ reply: watched, ask }, call.getDeadline(), onGivenUp).then(
      (message) => callback(null, message),
      (error: unknown) => callback(statusOf(error)),
    );
  };
}

function unimplemented(path: string, isStream: boolean): AnyMethod | AnyStreamMethod {
  const refuse = () => {
    throw new VolumeError('unimplemented', `${path} is not part of this driver`);
  };
  return isStream ? { stream: refuse } : { handle: async () => refuse() };
}
