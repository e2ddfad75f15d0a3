import { expect, test } from 'vitest';
import { csiServices } from '../../../src/rpc/proto.ts';
import { methodsFor } from '../../../src/rpc/service.ts';
import { identityMethods } from '../../../src/services/identity.ts';
import { type FakeModelSettings, fakeNode, here } from '../model/fakes/model.ts';
import { callsOf } from './calls.ts';

const identity = (settings: FakeModelSettings = {}) =>
  callsOf(
    csiServices.Identity,
    methodsFor(
      identityMethods(fakeNode(settings).model.settings, {
        driverName: 'hostpath.csi.k8s.io',
        version: '1.2.3',
      }),
      undefined,
    ),
  );

test('the plugin returns its name and version', async () => {
  expect(await identity().GetPluginInfo({})).toEqual({
    name: 'hostpath.csi.k8s.io',
    vendor_version: '1.2.3',
    manifest: {},
  });
});

const always = ['CONTROLLER_SERVICE', 'GROUP_CONTROLLER_SERVICE'];
const withTopology = ['VOLUME_ACCESSIBILITY_CONSTRAINTS', 'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS'];

test.each([
  [true, true, [...always, ...withTopology, 'ONLINE']],
  [false, true, [...always, 'ONLINE']],
  [true, false, [...always, ...withTopology]],
  [false, false, always],
])('plugin features, with topology %s and expansion %s', async (hasTopology, hasExpansion, types) => {
  const topology = hasTopology ? here : undefined;
  const expansion = { byController: hasExpansion, byNode: false };
  const { capabilities } = await identity({ topology, expansion }).GetPluginCapabilities({});
  expect(capabilities.map((each) => each.service?.type ?? each.volume_expansion?.type)).toEqual(types);
});

test.each(['FIXED_LENGTH', 'VARIABLE_LENGTH'] as const)(
  'the plugin has the SnapshotMetadata service if a block format is chosen: %s',
  async (snapshotMetadata) => {
    const typesOf = async (settings: FakeModelSettings) => {
      const { capabilities } = await identity(settings).GetPluginCapabilities({});
      return capabilities.map(({ service }) => service?.type);
    };
    expect(await typesOf({ features: { snapshotMetadata } })).toContain('SNAPSHOT_METADATA_SERVICE');
    expect(await typesOf({})).not.toContain('SNAPSHOT_METADATA_SERVICE');
  },
);

test('a probe that gets a reply is ready', async () => {
  expect(await identity().Probe({})).toEqual({ ready: { value: true } });
});
