import { readFileSync } from 'node:fs';
import { makeClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
// Without the parser of proto files.
import protobuf from 'protobufjs/light.js';
import { EncodedReply } from './encoded-reply.ts';
import type { ProtoGrpcType as CsiProto } from './generated/csi.ts';
import type { HealthDefinition } from './generated/grpc/health/v1/Health.ts';
import type { ProtoGrpcType as ReflectionProto } from './generated/reflection.ts';

type CsiServiceName = 'Identity' | 'Controller' | 'Node' | 'GroupController' | 'SnapshotMetadata';
type CsiClients = Pick<CsiProto['csi']['v1'], CsiServiceName>;

/**
 * How the generated types represent messages: 64-bit integers and enums as strings, absent fields as their defaults,
 * and the name of the field that is set under the name of the oneof.
 */
const REPRESENTATION = { longs: String, enums: String, defaults: true, oneofs: true };

/** All messages and services; the path is valid from both src/rpc and dist/rpc. */
const root = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(new URL('../../proto/definitions.json', import.meta.url), 'utf8')),
);

/** The client classes of the five CSI services. */
export const csiClients: CsiClients = {
  Identity: client('csi.v1.Identity'),
  Controller: client('csi.v1.Controller'),
  Node: client('csi.v1.Node'),
  GroupController: client('csi.v1.GroupController'),
  SnapshotMetadata: client('csi.v1.SnapshotMetadata'),
};

/** The service definitions that grpc-js needs to serve the five CSI services. */
export const csiServices: { readonly [Name in CsiServiceName]: CsiClients[Name]['service'] } = {
  Identity: csiClients.Identity.service,
  Controller: csiClients.Controller.service,
  Node: csiClients.Node.service,
  GroupController: csiClients.GroupController.service,
  SnapshotMetadata: csiClients.SnapshotMetadata.service,
};

/** The definition of the health service. */
export const healthService = definitionOf('grpc.health.v1.Health') as HealthDefinition;

/** The client class of the reflection service, which includes the service definition. */
export const reflectionClient: ReflectionProto['grpc']['reflection']['v1']['ServerReflection'] = client(
  'grpc.reflection.v1.ServerReflection',
);

/** The client class of a service. Its generated type is not checked against its definition, which a test compares. */
function client<Client>(serviceName: string): Client {
  return makeClientConstructor(definitionOf(serviceName), serviceName) as unknown as Client;
}

function definitionOf(serviceName: string): ServiceDefinition {
  const { methodsArray } = root.lookupService(serviceName);
  return Object.fromEntries(methodsArray.map((method) => [method.name, methodOf(serviceName, method)]));
}

function methodOf(serviceName: string, method: protobuf.Method): ServiceDefinition[string] {
  const { name, requestStream, responseStream, resolvedRequestType, resolvedResponseType } = method;
  const request = codecOf(resolvedRequestType);
  const response = codecOf(resolvedResponseType);
  return {
    path: `/${serviceName}/${name}`,
    requestStream: requestStream ?? false,
    responseStream: responseStream ?? false,
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}

function codecOf(type: protobuf.Type | null) {
  if (type === null) throw new Error('an RPC has a request or reply of an unknown type');
  return {
    serialize: (message: object) =>
      message instanceof EncodedReply
        ? message.bytes
        : asBuffer(type.encode(type.fromObject(message)).finish()),
    deserialize: (bytes: Buffer): object => type.toObject(type.decode(bytes), REPRESENTATION),
  };
}

/** Without a copy: in Node, protobufjs writes buffers. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
