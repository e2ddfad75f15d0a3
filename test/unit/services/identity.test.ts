import { expect, test } from 'vitest';
import { csiServices } from '../../../src/rpc/proto.ts';
import { identityService } from '../../../src/services/identity.ts';
import { callsOf } from './calls.ts';

const identity = (hasTopology = true) =>
  callsOf(
    csiServices.Identity,
    identityService({ driverName: 'hostpath.csi.k8s.io', version: '1.2.3', hasTopology }),
  );

test('the plugin tells its name and version', async () => {
  expect(await identity().GetPluginInfo({})).toEqual({
    name: 'hostpath.csi.k8s.io',
    vendor_version: '1.2.3',
    manifest: {},
  });
});

test.each([
  [true, ['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS']],
  [false, ['CONTROLLER_SERVICE']],
])('what the plugin has, with topology %s', async (hasTopology, types) => {
  const { capabilities } = await identity(hasTopology).GetPluginCapabilities({});
  expect(capabilities.map(({ service }) => service?.type)).toEqual(types);
});

test('whoever gets an answer may go on', async () => {
  expect(await identity().Probe({})).toEqual({ ready: { value: true } });
});
