import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as CsiProto } from './generated/csi.ts';
import type { ProtoGrpcType as ReflectionProto } from './generated/reflection.ts';

/** The proto files; the path is valid from both src/rpc and dist/rpc. */
const protoDirectory = fileURLToPath(new URL('../../proto/', import.meta.url));

/** All definitions that proto-loader reads from csi.proto, by fully qualified name. */
export const csiDefinition: PackageDefinition = loadProto('csi.proto');

const csi = (loadPackageDefinition(csiDefinition) as unknown as CsiProto).csi.v1;

const reflection = (
  loadPackageDefinition(loadProto('grpc/reflection/v1/reflection.proto')) as unknown as ReflectionProto
).grpc.reflection.v1;

/** The client classes of the five CSI services. */
export const csiClients = {
  Identity: csi.Identity,
  Controller: csi.Controller,
  Node: csi.Node,
  GroupController: csi.GroupController,
  SnapshotMetadata: csi.SnapshotMetadata,
} as const;

/** The service definitions that grpc-js needs to serve the five CSI services. */
export const csiServices = {
  Identity: csi.Identity.service,
  Controller: csi.Controller.service,
  Node: csi.Node.service,
  GroupController: csi.GroupController.service,
  SnapshotMetadata: csi.SnapshotMetadata.service,
} as const;

/** The client class of the reflection service, which includes the service definition. */
export const reflectionClient = reflection.ServerReflection;

/**
 * Loads one proto file with the settings that the generated types assume: names as in the proto, 64-bit integers and
 * enums as strings, absent fields as their defaults.
 */
function loadProto(file: string): PackageDefinition {
  return loadSync(file, {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [protoDirectory],
  });
}
