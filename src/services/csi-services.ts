import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Parts } from '../model/parts.ts';
import type { Pools } from '../model/ports/pool.ts';
import type { CallMonitor } from '../rpc/call-monitor.ts';
import type { CallWork } from '../rpc/call-work.ts';
import { csiServices as definitions } from '../rpc/proto.ts';
import { type AnyKind, implementService, type MethodMakers, methodsFor } from '../rpc/service.ts';
import { controllerMethods } from './controller/controller.ts';
import { groupControllerMethods } from './group-controller.ts';
import { identityMethods, type PluginInfo } from './identity.ts';
import { nodeMethods } from './node/node.ts';
import { snapshotMetadataMethods } from './snapshot-metadata.ts';

/** The task of a call: its view of the pools, and the fields of `CallWork`. */
export type ModelWork = Omit<CallWork<unknown>, 'method'> & { readonly pools: Pools };

type AllMakers = {
  readonly [Name in keyof typeof definitions]: MethodMakers<
    Parts,
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
  const { settings } = model;
  const allMakers: AllMakers = {
    Identity: identityMethods(settings, plugin),
    Controller: controllerMethods(settings),
    Node: nodeMethods(settings),
    GroupController: groupControllerMethods,
    SnapshotMetadata: snapshotMetadataMethods(settings),
  };
  return new Map(
    Object.entries(definitions).map(([name, definition]) => {
      const makers = allMakers[name as keyof AllMakers] as Readonly<Record<string, MakeMethod>>;
      const kind = name === 'SnapshotMetadata' ? 'stream' : 'call';
      // The Identity service uses no pools.
      const begin =
        beginWork && name !== 'Identity'
          ? (method: string) => beginCallWork(model, beginWork(kind), makers[method] as MakeMethod)
          : undefined;
      const parts = { holds: model.holds, monitor, begin };
      const methods = methodsFor(makers, model);
      return [`csi.v1.${name}`, { definition, implementation: implementService(definition, methods, parts) }];
    }),
  );
}

type MakeMethod = (parts: Parts) => AnyKind;

/** The method of one call, which uses the pools through its own task. */
function beginCallWork(model: Parts, work: ModelWork, make: MakeMethod): CallWork<AnyKind> {
  const { pools } = work;
  return {
    method: make({ ...model, catalogue: model.catalogue.withPools(pools) }),
    get lost() {
      return work.lost;
    },
    confirm: () => work.confirm(),
    end: () => work.end(),
    abandon: () => work.abandon(),
    checkResponding: () => work.checkResponding(),
  };
}
