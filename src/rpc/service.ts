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

/** One RPC that answers once: a plain async function, and the objects it works on while it runs. */
export interface Method<Request, Response> {
  /** Answers the reply, or throws a VolumeError. */
  handle(request: Request): Promise<Response>;
  /** What the call holds; a call that finds any of it held is answered ABORTED. Reads hold nothing. */
  locks?(request: Request): Lock[];
  /** Whether a call that asks for just what another one is working on waits for that one's answer. */
  joins?(request: Request): boolean;
}

/**
 * The RPCs of a service that this driver has; the others answer UNIMPLEMENTED. Requests are as proto-loader
 * makes them (every field present), replies as it takes them. What is generated of a service does not say which of its
 * RPCs stream, so it is said here; in each service either all do, or none does.
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

/** The methods of a service, whatever their messages are. */
export type AnyMethods = Readonly<Record<string, AnyMethod | AnyStreamMethod | undefined>>;

/** How the calls of a service are worked on. */
export interface ServiceParts {
  readonly locks: KeyLocks;
  readonly monitor: CallMonitor;
  /** Begins the work of a call, which has methods of its own; by default they are the same for all. */
  readonly begin?: () => CallWork<AnyMethods>;
}

/** Turns the methods of a service into what grpc-js serves, each with its locks and its line in the log. */
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

// A caller that goes away or runs out of time ends its own waiting; the work goes on to its end, so that
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
