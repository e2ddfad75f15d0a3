import { once } from 'node:events';
import { credentials, status } from '@grpc/grpc-js';
import { beforeAll, describe, expect, test } from 'vitest';
import { csiClients, csiServices } from '../../../src/rpc/proto.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { startedNode, TestNode } from '../../support/test-node.ts';

/** The RPCs that each capability promises (CSI specification, the service's capability messages). */
const reservedByBoth: Record<string, readonly string[]> = {
  CREATE_DELETE_VOLUME: ['CreateVolume', 'DeleteVolume'],
  PUBLISH_UNPUBLISH_VOLUME: ['ControllerPublishVolume', 'ControllerUnpublishVolume'],
  LIST_VOLUMES: ['ListVolumes'],
  GET_CAPACITY: ['GetCapacity'],
  CREATE_DELETE_SNAPSHOT: ['CreateSnapshot', 'DeleteSnapshot'],
  LIST_SNAPSHOTS: ['ListSnapshots'],
  GET_SNAPSHOT: ['GetSnapshot'],
  GET_VOLUME: ['ControllerGetVolume'],
  MODIFY_VOLUME: ['ControllerModifyVolume'],
  STAGE_UNSTAGE_VOLUME: ['NodeStageVolume', 'NodeUnstageVolume'],
  GET_VOLUME_STATS: ['NodeGetVolumeStats'],
  CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT: [
    'CreateVolumeGroupSnapshot',
    'DeleteVolumeGroupSnapshot',
    'GetVolumeGroupSnapshot',
  ],
};

/** The same for the capability that promises one RPC in each service. */
const reserved: Record<string, Record<string, readonly string[]>> = {
  Controller: {
    ...reservedByBoth,
    EXPAND_VOLUME: ['ControllerExpandVolume'],
    GET_VOLUME_HEALTH: ['ControllerGetVolumeHealth'],
    LIST_VOLUME_HEALTH: ['ControllerListVolumeHealth'],
  },
  Node: {
    ...reservedByBoth,
    EXPAND_VOLUME: ['NodeExpandVolume'],
    GET_VOLUME_HEALTH: ['NodeGetVolumeHealth'],
    GET_STORAGE_HEALTH: ['NodeGetStorageHealth'],
  },
  GroupController: reservedByBoth,
};

/** The RPCs that every plugin with the service must have. */
const required = {
  Identity: ['GetPluginInfo', 'GetPluginCapabilities', 'Probe'],
  Controller: ['ValidateVolumeCapabilities', 'ControllerGetCapabilities'],
  Node: ['NodePublishVolume', 'NodeUnpublishVolume', 'NodeGetInfo', 'NodeGetCapabilities'],
  GroupController: ['GroupControllerGetCapabilities'],
} as const;

const everything = ['--enable-attach', '--enable-controller-modify-volume', '--enable-snapshot-metadata'];

/** The effect of flags. */
const variants = [
  { flags: [], growsIn: ['Controller', 'Node'] },
  { flags: ['--disable-controller-expansion'], growsIn: ['Node'] },
  { flags: ['--disable-node-expansion'], growsIn: ['Controller'] },
  { flags: ['--disable-controller-expansion', '--disable-node-expansion'], growsIn: [] },
  { flags: ['--enable-volume-expansion=false'], growsIn: [] },
  { flags: ['--enable-list-snapshots=false'], growsIn: ['Controller', 'Node'] },
  { flags: everything, growsIn: ['Controller', 'Node'] },
];

describe.each(variants)('with the flags $flags', ({ flags, growsIn }) => {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start({ flags });
    return () => node.dispose();
  });

  test.each(Object.keys(required) as (keyof typeof required)[])(
    'the service %s serves the RPCs of its capabilities, and answers UNIMPLEMENTED to the others',
    async (service) => {
      const implemented = await implementedBy(node, service);
      expect(implemented).toEqual(await reservedBy(node, service));
      expect(implemented.some((name) => name.endsWith('ExpandVolume'))).toBe(growsIn.includes(service));
    },
  );

  test('the plugin declares its services, and online expansion if volumes can grow', async () => {
    const { capabilities = [] } = await node.identity.GetPluginCapabilities({});
    const types = capabilities.map(
      ({ service, volume_expansion }) => service?.type ?? volume_expansion?.type,
    );
    const grows = growsIn.length > 0 ? ['ONLINE'] : [];
    expect(types).toEqual([
      'CONTROLLER_SERVICE',
      'GROUP_CONTROLLER_SERVICE',
      ...(flags === everything ? ['SNAPSHOT_METADATA_SERVICE'] : []),
      'VOLUME_ACCESSIBILITY_CONSTRAINTS',
      'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS',
      ...grows,
    ]);
  });
});

/** The RPCs of a service that do not answer UNIMPLEMENTED. */
async function implementedBy(node: TestNode, service: keyof typeof required): Promise<string[]> {
  const callsOf = {
    Identity: node.identity,
    Controller: node.controller,
    Node: node.node,
    GroupController: node.groupController,
  };
  const calls = callsOf[service] as Record<string, (request: object) => Promise<unknown>>;
  const implemented = [];
  for (const name of Object.keys(csiServices[service])) {
    const outcome = await outcomeOf(calls[name]?.({}) ?? Promise.reject(new Error(name)));
    if (outcome === 'OK' || outcome.code !== 'UNIMPLEMENTED') implemented.push(name);
  }
  return implemented.sort();
}

async function reservedBy(node: TestNode, service: keyof typeof required): Promise<string[]> {
  const capabilities = {
    Identity: async () => [],
    Controller: async () => (await node.controller.ControllerGetCapabilities({})).capabilities ?? [],
    Node: async () => (await node.node.NodeGetCapabilities({})).capabilities ?? [],
    GroupController: async () =>
      (await node.groupController.GroupControllerGetCapabilities({})).capabilities ?? [],
  };
  const types = (await capabilities[service]()).map((capability) => capability.rpc?.type ?? '');
  return [...required[service], ...types.flatMap((type) => reserved[service]?.[type] ?? [])].sort();
}

test.each(['GetMetadataAllocated', 'GetMetadataDelta'] as const)(
  'the stream SnapshotMetadata.%s, which is not declared, ends with UNIMPLEMENTED',
  async (rpc) => {
    const node = await startedNode();
    const client = new csiClients.SnapshotMetadata(`unix:${node.socket}`, credentials.createInsecure());
    try {
      // Only so that a stream that never ends is reported as such.
      const options = { deadline: Date.now() + 10_000 };
      const calls = {
        GetMetadataAllocated: () => client.GetMetadataAllocated({}, options),
        GetMetadataDelta: () => client.GetMetadataDelta({}, options),
      };
      const stream = calls[rpc]();
      const error = await once(stream.resume(), 'end').catch((reason: Error) => reason);
      expect(error).toMatchObject({ code: status.UNIMPLEMENTED });
    } finally {
      client.close();
    }
  },
);

test('the plugin reports its name and topology', async () => {
  const node = await startedNode();
  expect(await node.identity.GetPluginInfo({})).toMatchObject({
    name: 'hostpath.csi.k8s.io',
    vendor_version: /\d/,
  });
  expect(await node.identity.Probe({})).toEqual({ ready: { value: true } });
  expect(await node.node.NodeGetInfo({})).toEqual({
    node_id: 'node-1',
    max_volumes_per_node: '0',
    accessible_topology: { segments: { 'topology.hostpath.csi/node': 'node-1' } },
  });
});
