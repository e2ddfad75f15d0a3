import { Writable } from 'node:stream';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { expansionOf, featuresOf, topologyOf } from '../../src/features.ts';
import { parseCommandLine } from '../../src/options.ts';
import { CallMonitor } from '../../src/rpc/call-monitor.ts';
import { csiServices } from '../../src/services/csi-services.ts';
import { fakeNode } from '../../test/unit/model/fakes/model.ts';
import { type Capability, type Rpc, rpcs } from './csi-catalogue.ts';

/** What a driver with certain flags offers to a CO. */
export interface Offer {
  /** Whether it answers the RPC with anything except UNIMPLEMENTED. */
  serves(rpc: Rpc): boolean;
  declares(capability: Capability): boolean;
}

interface Answer {
  readonly code: status;
  readonly reply: unknown;
}

/**
 * Sends each RPC with an empty request to the driver's services, on top of an in-memory model. Undefined if the flags
 * cannot be combined.
 */
export async function offerWith(flags: readonly string[]): Promise<Offer | undefined> {
  const commandLine = parseCommandLine(['--nodeid=node-1', ...flags], '0');
  if (commandLine.kind !== 'run') return undefined;
  const { options } = commandLine;
  const { model } = fakeNode({
    topology: topologyOf(options),
    expansion: expansionOf(options),
    features: featuresOf(options),
  });
  const plugin = { driverName: options.driverName, version: '0' };
  const services = csiServices(model, new CallMonitor(() => {}), plugin);
  const answers = new Map<Rpc, Answer>();
  for (const rpc of rpcs) answers.set(rpc, await ask(services, rpc));
  return {
    serves: (rpc) => answers.get(rpc)?.code !== status.UNIMPLEMENTED,
    declares: ({ rpc, field, name }) => declaredIn(answers.get(rpc)?.reply, field).includes(name),
  };
}

async function ask(services: ReturnType<typeof csiServices>, { service, name }: Rpc): Promise<Answer> {
  const { definition, implementation } = services.get(`csi.v1.${service}`) ?? {};
  const method = definition?.[name] as MethodDefinition<unknown, unknown> | undefined;
  const handler = implementation?.[name];
  if (method === undefined || handler === undefined)
    throw new Error(`service ${service} has no method ${name}`);
  const request = method.requestDeserialize(Buffer.alloc(0));
  return method.responseStream
    ? askStream(handler as handleServerStreamingCall<unknown, unknown>, request)
    : askOnce(handler as handleUnaryCall<unknown, unknown>, request, method);
}

function askOnce(
  handler: handleUnaryCall<unknown, unknown>,
  request: unknown,
  { responseSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>,
): Promise<Answer> {
  return new Promise((resolve) => {
    const getDeadline = () => Number.POSITIVE_INFINITY;
    const once = () => {};
    handler(
      { request, getDeadline, once } as unknown as ServerUnaryCall<unknown, unknown>,
      (error, reply) => {
        if (error) resolve({ code: error.code ?? status.UNKNOWN, reply: undefined });
        // As the client receives it.
        else resolve({ code: status.OK, reply: responseDeserialize(responseSerialize(reply)) });
      },
    );
  });
}

function askStream(handler: handleServerStreamingCall<unknown, unknown>, request: unknown): Promise<Answer> {
  const call = new Writable({ objectMode: true, write: (_message, _encoding, done) => done() });
  return new Promise((resolve) => {
    call.on('error', (error: Partial<ServiceError>) =>
      resolve({ code: error.code ?? status.UNKNOWN, reply: undefined }),
    );
    call.on('finish', () => resolve({ code: status.OK, reply: undefined }));
    handler(Object.assign(call, { request }) as unknown as ServerWritableStream<unknown, unknown>);
  });
}

interface CapabilitiesReply {
  readonly capabilities: readonly Readonly<Record<string, { readonly type: string } | null>>[];
}

function declaredIn(reply: unknown, field: string): (string | undefined)[] {
  return (reply as CapabilitiesReply | undefined)?.capabilities.map((each) => each[field]?.type) ?? [];
}
