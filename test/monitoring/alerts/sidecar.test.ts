import { describe, test } from 'vitest';
import { FaultyDisk } from '../../support/faulty-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { freeAddress, monitoredNode } from '../support/monitored-node.ts';
import { startProvisioner } from '../support/provisioner.ts';

/** A node whose csi-provisioner asks for the capacity of a pool every second. */
async function nodeWithProvisioner() {
  const disk = new FaultyDisk(scratchDirectory());
  const address = await freeAddress();
  const provisionerTarget = { address, labels: { node: 'node-1', container: 'csi-provisioner' } };
  const monitored = await monitoredNode({ flags: [`--pool=disk=${disk.path}`] }, [provisionerTarget]);
  const start = () => startProvisioner(monitored.node.socket, address, { pool: 'disk' });
  return { ...monitored, disk, start, provisioner: await start() };
}

const ofProvisioner = { node: 'node-1', container: 'csi-provisioner' };

describe.skipIf(!isHostRoot)('an alert', () => {
  test('fires while the calls of csi-provisioner fail', async () => {
    const { disk, alerts } = await nodeWithProvisioner();
    const labels = { ...ofProvisioner, method_name: '/csi.v1.Controller/GetCapacity' };
    await alerts.expectAlert('SidecarCallsFailing', labels, {
      fault: () => disk.unmount(),
      remedy: () => disk.mount(),
    });
  });

  test('fires while csi-provisioner does not run', async () => {
    const { alerts, provisioner, start } = await nodeWithProvisioner();
    await alerts.expectAlert('SidecarDown', ofProvisioner, {
      fault: () => provisioner.kill(),
      remedy: () => start(),
    });
  });
});
