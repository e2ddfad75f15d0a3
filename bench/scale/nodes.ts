import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, kubectl, list, until } from './kubectl.ts';
import { nodeObjects } from './objects.ts';
import { type Container, type ContainerProcess, type Pod, startContainer } from './processes.ts';

const NAMESPACE = 'csi-hostpath';
const FIRST_METRICS_PORT = 20_000;
/** Those that ask the API server. */
const SIDECARS = ['csi-provisioner', 'csi-resizer', 'csi-snapshotter'];
const TOKEN_LIFETIME = '24h';

/** Where things are. */
export interface Places {
  readonly state: string;
  /** The directory of the driver's bundle. */
  readonly bundle: string;
  readonly logs: string;
}

/** A node without a kubelet, and what runs on it. */
export interface FakeNode {
  readonly name: string;
  /** The disk of its volumes. */
  readonly disk: string;
  readonly metricsPort: number;
  readonly processes: readonly ContainerProcess[];
}

/** Makes a node, and starts what the pod of the DaemonSet has in it. */
export async function addNode(number: number, places: Places): Promise<FakeNode> {
  const name = `node-${number}`;
  const home = join('/run', name);
  const metricsPort = FIRST_METRICS_PORT + number;
  await create(nodeObjects(name));
  const disk = join(home, 'state-dir');
  mkdirSync(join(home, 'socket-dir'), { recursive: true });
  mkdirSync(disk);
  // A disk of its own, or the volumes of one node would change the free space of all.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4g', 'tmpfs', disk]);
  const pod = await podOn(name);
  const start = (container: Container, program: string[]) =>
    startContainer(pod, container, { program, home, logs: places.logs });
  const main = join(places.bundle, 'main.js');
  const driver = containerOf(pod, 'driver');
  const args = [...(driver.args ?? []), `--http-endpoint=127.0.0.1:${metricsPort}`];
  const processes = [start({ ...driver, args }, [process.execPath, '--enable-source-maps', main])];
  await until(`the driver of ${name}`, () => existsSync(join(home, 'socket-dir', 'csi.sock')));
  const kubeconfig = await kubeconfigFor(pod, 'csi-hostpathplugin', places.state);
  for (const sidecar of SIDECARS) {
    processes.push(start(containerOf(pod, sidecar), [sidecar, `--kubeconfig=${kubeconfig}`]));
  }
  return { name, disk, metricsPort, processes };
}

/** Starts the snapshot controller, which the cluster has once. */
export async function startSnapshotController({ state, logs }: Places): Promise<ContainerProcess> {
  const pods = () => list<Pod>('pods', '--namespace=kube-system');
  await until('the pod of the snapshot controller', async () => (await pods()).length > 0);
  const [pod] = await pods();
  if (!pod) throw new Error('there is no pod of the snapshot controller');
  const kubeconfig = await kubeconfigFor(pod, 'snapshot-controller', state);
  const program = ['snapshot-controller', `--kubeconfig=${kubeconfig}`];
  return startContainer(pod, containerOf(pod, 'snapshot-controller'), { program, home: '/run', logs });
}

/** The pod of the DaemonSet on a node, once it is there. It stays Pending, because there is no kubelet. */
async function podOn(name: string): Promise<Pod> {
  const find = () => list<Pod>('pods', `--namespace=${NAMESPACE}`, `--field-selector=spec.nodeName=${name}`);
  await until(`the pod on ${name}`, async () => (await find()).length > 0);
  const [pod] = await find();
  if (!pod) throw new Error(`the pod on ${name} is gone`);
  return pod;
}

function containerOf({ metadata, spec }: Pod, name: string): Container {
  const container = spec.containers.find((each) => each.name === name);
  if (!container) throw new Error(`${metadata.name} has no container ${name}`);
  return container;
}

/** Access to the API server as the pod's service account. @returns the path of the file */
async function kubeconfigFor({ metadata }: Pod, account: string, state: string): Promise<string> {
  const path = join(state, `${account}.kubeconfig`);
  if (existsSync(path)) return path;
  const words = [
    'create',
    'token',
    account,
    `--namespace=${metadata.namespace}`,
    `--duration=${TOKEN_LIFETIME}`,
  ];
  const token = (await kubectl(words)).trim();
  const config = JSON.parse(await kubectl(['config', 'view', '--raw', '--minify', '--output=json']));
  config.users[0].user = { token };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
