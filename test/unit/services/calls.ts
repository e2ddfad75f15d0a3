import {
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import type { Parts } from '../../../src/model/parts.ts';
import { Holds } from '../../../src/model/state/holds.ts';
import { CallMonitor } from '../../../src/rpc/call-monitor.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { type Method, type Methods, methodsFor } from '../../../src/rpc/service.ts';
import { codeName } from '../../../src/rpc/status.ts';
import type { StreamMethod } from '../../../src/rpc/stream-handler.ts';
import { controllerMethods } from '../../../src/services/controller/controller.ts';
import { csiServices as allServices } from '../../../src/services/csi-services.ts';
import { groupControllerMethods } from '../../../src/services/group-controller.ts';
import { nodeMethods } from '../../../src/services/node/node.ts';
import { snapshotMetadataMethods } from '../../../src/services/snapshot-metadata.ts';

/** The RPCs of a service as functions that take a request as a CO sends it, and promise the reply it gets. */
export type Calls<Definition> = {
  readonly [Name in keyof Definition as string extends Name
    ? never
    : Name]: Definition[Name] extends MethodDefinition<
    infer Request,
    infer _Response,
    infer _RequestOutput,
    infer Reply
  >
    ? (request: Request) => Promise<Reply>
    : never;
};

/** Calls the methods of a service table through the wire format, without a server; no call excludes another. */
export function callsOf<Definition extends ServiceDefinition>(
  definition: Definition,
  methods: Methods<Definition>,
): Calls<Definition> {
  const table = methods as Record<string, Method<unknown, unknown> | undefined>;
  const calls = Object.entries(definition).map(([name, wire]) => [
    name,
    async (request: object) => {
      const received: unknown = wire.requestDeserialize(wire.requestSerialize(request));
      const held = new Holds().hold(table[name]?.holds?.(received) ?? []);
      const reply = await table[name]?.handle(received, held);
      return wire.responseDeserialize(wire.responseSerialize(reply));
    },
  ]);
  return Object.fromEntries(calls) as Calls<Definition>;
}

/** The streaming RPCs of a service as functions that take a request as a CO sends it, and promise all messages. */
export type Streams<Definition> = {
  readonly [Name in keyof Calls<Definition>]: Calls<Definition>[Name] extends (
    request: infer Request,
  ) => Promise<infer Reply>
    ? (request: Request, signal?: AbortSignal) => Promise<Reply[]>
    : never;
};

/** Calls the streaming methods of a service table through the wire format, without a server. */
export function streamsOf<Definition extends ServiceDefinition>(
  definition: Definition,
  methods: Methods<Definition, 'stream'>,
): Streams<Definition> {
  const table = methods as Record<string, StreamMethod<unknown, unknown> | undefined>;
  const streams = Object.entries(definition).map(([name, wire]) => [
    name,
    async (request: object, signal = new AbortController().signal) => {
      const received: unknown = wire.requestDeserialize(wire.requestSerialize(request));
      const replies: unknown[] = [];
      for await (const reply of table[name]?.stream(received, signal) ?? []) {
        replies.push(wire.responseDeserialize(wire.responseSerialize(reply)));
      }
      return replies;
    },
  ]);
  return Object.fromEntries(streams) as Streams<Definition>;
}

export function controllerOf(model: Parts): Calls<typeof csiServices.Controller> {
  return callsOf(csiServices.Controller, methodsFor(controllerMethods(model.settings), model));
}

/** The methods of the SnapshotMetadata service. */
export function metadataMethodsOf(model: Parts): Methods<typeof csiServices.SnapshotMetadata, 'stream'> {
  return methodsFor(snapshotMetadataMethods(model.settings), model);
}

export function groupControllerOf(model: Parts): Calls<typeof csiServices.GroupController> {
  return callsOf(csiServices.GroupController, methodsFor(groupControllerMethods, model));
}

export function nodeOf(model: Parts): Calls<typeof csiServices.Node> {
  return callsOf(csiServices.Node, methodsFor(nodeMethods(model.settings), model));
}

type ServiceName = 'Identity' | 'Controller' | 'Node' | 'GroupController' | 'SnapshotMetadata';

/** The services as they are served, and a way to call their RPCs, with locks, for the resulting codes. */
export function servicesOf(model: Parts) {
  const services = allServices(model, new CallMonitor(() => {}), {
    driverName: 'hostpath.csi.k8s.io',
    version: '1',
  });
  const call = (service: ServiceName, method: string, request: object): Promise<string> => {
    const { definition, implementation } = services.get(`csi.v1.${service}`) ?? {};
    const wire = definition?.[method];
    const run = implementation?.[method] as handleUnaryCall<unknown, unknown> | undefined;
    if (!wire || !run) throw new Error(`${service} has no ${method}`);
    const received: unknown = wire.requestDeserialize(wire.requestSerialize(request));
    return new Promise((resolve) => {
      const answer: sendUnaryData<unknown> = (error) =>
        resolve(codeName((error?.code ?? status.OK) as status));
      const getDeadline = () => Number.POSITIVE_INFINITY;
      const once = () => {};
      run({ request: received, getDeadline, once } as unknown as ServerUnaryCall<unknown, unknown>, answer);
    });
  };
  return { services, call };
}
