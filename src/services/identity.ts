import type { Settings } from '../model/settings.ts';
import { EncodedReply } from '../rpc/encoded-reply.ts';
import type { IdentityDefinition } from '../rpc/generated/csi/v1/Identity.ts';
import type { PluginCapability } from '../rpc/generated/csi/v1/PluginCapability.ts';
import { csiServices } from '../rpc/proto.ts';
import type { MethodMakers } from '../rpc/service.ts';

/** The Identity service's data about the plugin. */
export interface PluginInfo {
  readonly driverName: string;
  readonly version: string;
}

const topologyCapabilities: readonly PluginCapability[] = [
  { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
  { service: { type: 'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS' } },
];

/** The Identity service (CSI specification, Identity Service RPC). */
export function identityMethods(
  { topology, expansion, features }: Settings,
  { driverName, version }: PluginInfo,
): MethodMakers<unknown, IdentityDefinition> {
  const hasExpansion = expansion.byController || expansion.byNode;
  const capabilities: PluginCapability[] = [
    { service: { type: 'CONTROLLER_SERVICE' } },
    { service: { type: 'GROUP_CONTROLLER_SERVICE' } },
    ...(features.snapshotMetadata ? [{ service: { type: 'SNAPSHOT_METADATA_SERVICE' } } as const] : []),
    ...(topology ? topologyCapabilities : []),
    ...(hasExpansion ? [{ volume_expansion: { type: 'ONLINE' } } as const] : []),
  ];
  const { Identity } = csiServices;
  const info = EncodedReply.of(Identity.GetPluginInfo, { name: driverName, vendor_version: version });
  const capable = EncodedReply.of(Identity.GetPluginCapabilities, { capabilities });
  // The server listens only after recovery, so any caller that gets an answer may continue.
  const ready = EncodedReply.of(Identity.Probe, { ready: { value: true } });
  return {
    GetPluginInfo: () => ({ handle: async () => info }),
    GetPluginCapabilities: () => ({ handle: async () => capable }),
    Probe: () => ({ handle: async () => ready }),
  };
}
