import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallMonitor } from '../rpc/call-monitor.ts';
import { KeyLocks } from '../rpc/key-locks.ts';
import { csiServices as definitions } from '../rpc/proto.ts';
import { implementService, type Methods } from '../rpc/service.ts';
import type { Model } from '../volume/model.ts';
import { controllerService } from './controller/controller.ts';
import { groupControllerService } from './group-controller.ts';
import { identityService, type PluginInfo } from './identity.ts';
import { nodeService } from './node/node.ts';
import { snapshotMetadataService } from './snapshot-metadata.ts';

/**
 * The five services of the specification, ready to be served, by full name. Those of which the driver has no
 * method yet answer UNIMPLEMENTED.
 */
export function csiServices(
  model: Model,
  monitor: CallMonitor,
  plugin: PluginInfo,
): Map<string, { definition: ServiceDefinition; implementation: UntypedServiceImplementation }> {
  const methods: {
    readonly [Name in keyof typeof definitions]: Methods<
      (typeof definitions)[Name],
      Name extends 'SnapshotMetadata' ? 'stream' : 'unary'
    >;
  } = {
    Identity: identityService(model, plugin),
    Controller: controllerService(model),
    Node: nodeService(model),
    GroupController: groupControllerService(model),
    SnapshotMetadata: snapshotMetadataService(model),
  };
  const locks = new KeyLocks();
  return new Map(
    Object.entries(definitions).map(([name, definition]) => {
      const implementation = implementService(
        definition,
        methods[name as keyof typeof methods],
        locks,
        monitor,
      );
      return [`csi.v1.${name}`, { definition, implementation }];
    }),
  );
}
