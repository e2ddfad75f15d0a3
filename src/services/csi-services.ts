import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Parts } from '../model/parts.ts';
import type { Pools } from '../model/ports/pool.ts';
import type { CallMonitor } from '../rpc/call-monitor.ts';
import type { CallWork } from '../rpc/call-work.ts';
import { csiServices as definitions } from '../rpc/proto.ts';
import { type AnyMethods, implementService, type Methods } from '../rpc/service.ts';
import { controllerService } from './controller/controller.ts';
import { groupControllerService } from './group-controller.ts';
import { identityService, type PluginInfo } from './identity.ts';
import { nodeService } from './node/node.ts';
import { snapshotMetadataService } from './snapshot-metadata.ts';

/** The task of a call: its view of the pools, and the fields of `CallWork`. */
export type ModelWork = Omit<CallWork<unknown>, 'methods'> & { readonly pools: Pools };

type AllMethods = {
  readonly [Name in keyof typeof definitions]: Methods<
    (typeof definitions)[Name],
    Name extends 'SnapshotMetadata' ? 'stream' : 'unary'
  >;
};

/**
 * The five services of the specification, ready to be served, by full name. Those without any implemented method answer
 * UNIMPLEMENTED.
 * @param beginWork begins the task of a call; the task of a stream lasts as long as its caller reads
 */
export function csiServices(
  model: Parts,
  monitor: CallMonitor,
  plugin: PluginInfo,
  beginWork?: (kind: 'call' | 'stream') => ModelWork,
): Map<string, { definition: ServiceDefinition; implementation: UntypedServiceImplementation }> {
  const servicesOf: { readonly [Name in keyof AllMethods]: (model: Parts) => AllMethods[Name] } = {
    Identity: (own) => identityService(own.settings, plugin),
    Controller: controllerService,
    Node: nodeService,
    GroupController: groupControllerService,
    SnapshotMetadata: snapshotMetadataService,
  };
  return new Map(
    Object.entries(definitions).map(([name, definition]) => {
      const methodsOf: (model: Parts) => AnyMethods = servicesOf[name as keyof typeof servicesOf];
      const kind = name === 'SnapshotMetadata' ? 'stream' : 'call';
      const begin = beginWork && (() => beginCallWork(model, beginWork(kind), methodsOf));
      const parts = { holds: model.holds, monitor, ...(begin ? { begin } : {}) };
      return [
        `csi.v1.${name}`,
        { definition, implementation: implementService(definition, methodsOf(model), parts) },
      ];
    }),
  );
}

/** The methods of a service for one call, which uses the pools through its own task. */
function beginCallWork<Service>(
  model: Parts,
  work: ModelWork,
  methodsOf: (model: Parts) => Service,
): CallWork<Service> {
  const { pools, lost } = work;
  return {
    methods: methodsOf({ ...model, catalogue: model.catalogue.withPools(pools) }),
    lost,
    confirm: () => work.confirm(),
    end: () => work.end(),
    checkResponding: () => work.checkResponding(),
  };
}
