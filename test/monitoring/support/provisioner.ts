import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { csiProvisionerPath } from '../../../scripts/lib/go/csi-provisioner.mjs';
import { apiServerWith } from './api-server.ts';

/** A running csi-provisioner, which serves its metrics. */
export interface Provisioner {
  kill(): Promise<void>;
}

/**
 * Starts the csi-provisioner of a node for one test. It asks the driver every second how much room there is.
 * @param socket where the driver listens
 * @param address for its metrics
 * @param parameters of the only storage class
 */
export async function startProvisioner(
  socket: string,
  address: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Provisioner> {
  const url = await apiServerWith({
    metadata: { name: 'class', uid: 'class', resourceVersion: '1' },
    provisioner: 'hostpath.csi.k8s.io',
    volumeBindingMode: 'WaitForFirstConsumer',
    parameters,
  });
  const flags = [
    `--csi-address=${socket}`,
    `--master=${url}`,
    `--http-endpoint=${address}`,
    '--node-deployment',
    '--strict-topology',
    '--enable-capacity',
    '--capacity-ownerref-level=-1',
    '--capacity-poll-interval=1s',
    '--feature-gates=Topology=true',
  ];
  // It must not outlive the tests, however they end.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', csiProvisionerPath, ...flags], {
    env: { ...process.env, NODE_NAME: 'node-1', NAMESPACE: 'default', POD_NAME: 'plugin' },
    stdio: 'ignore',
  });
  const exit = once(child, 'close');
  const kill = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  onTestFinished(kill);
  return { kill };
}
