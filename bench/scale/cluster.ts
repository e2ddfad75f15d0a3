import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AuditLog, countBy, countRequests, type Request } from './audit.ts';
import { type KubernetesObject, kubectl, list, until } from './kubectl.ts';
import { addNode, type FakeNode, type Places, startSnapshotController } from './nodes.ts';
import type { Counts, Memory } from './numbers.ts';
import { type ContainerProcess, memoryOf, pidOfProgram } from './processes.ts';

/** How long nothing is asked for, apart from leases and watches, until the cluster counts as calm. */
const CALM_MS = 15_000;
/** The same after changes that csi-provisioner sees only when it looks, once a minute. */
const POLL_CALM_MS = 65_000;
const CALM_LIMIT_MS = 900_000;
const WINDOW_MS = 60_000;
const WRITE_INTERVAL_MS = 5_000;
const WRITE_BYTES = 64 * 1024;
const LEASE_NAMESPACES = ['csi-hostpath', 'kube-system'];

interface Lease extends KubernetesObject {
  readonly spec: { readonly holderIdentity?: string };
}

/** A control plane with nodes that have no kubelets. */
export class Cluster {
  readonly audit: AuditLog;
  readonly nodes: FakeNode[] = [];
  private readonly places: Places;
  private readonly snapshotController: ContainerProcess;
  private writtenBytes = 0;

  private constructor(places: Places, snapshotController: ContainerProcess) {
    this.audit = new AuditLog(join(places.state, 'audit.log'));
    this.places = places;
    this.snapshotController = snapshotController;
  }

  static async start(places: Places): Promise<Cluster> {
    const cluster = new Cluster(places, await startSnapshotController(places));
    await cluster.calmDown();
    return cluster;
  }

  /** Adds nodes until there are that many. @returns the requests of each added node until it is at rest */
  async growTo(number: number): Promise<Counts> {
    const added = number - this.nodes.length;
    const watchesBefore = this.audit.openWatches().length;
    const mark = this.audit.mark();
    while (this.nodes.length < number) this.nodes.push(await addNode(this.nodes.length + 1, this.places));
    await this.calmDown();
    // Not counted as requests, because the other nodes have renewed some of theirs.
    const openedWatches = this.audit.openWatches().length - watchesBefore;
    const counts = countRequests(this.audit.since(mark).filter(isWork), 1 / added);
    return { ...counts, 'opened watches': openedWatches / added };
  }

  /** Waits until the driver's pods ask for nothing but leases and watches. */
  async calmDown(calmMs = CALM_MS): Promise<void> {
    const mark = this.audit.mark();
    const startedAtMs = performance.now();
    const lastAtMs = () => this.audit.since(mark).filter(isWork).at(-1)?.readAtMs ?? startedAtMs;
    await until('the cluster to calm down', () => performance.now() - lastAtMs() > calmMs, CALM_LIMIT_MS);
  }

  /** Requests per minute, without renewed watches, which are measured by their timeouts. */
  async requestsAtRest(): Promise<Counts> {
    const mark = this.audit.mark();
    await setTimeout(WINDOW_MS);
    const requests = this.audit.since(mark).filter(({ verb }) => verb !== 'watch');
    return countRequests(requests, 60_000 / WINDOW_MS);
  }

  /** The same while something else writes to each disk all the time. */
  async requestsWithDisksInUse(): Promise<Counts> {
    this.writeToDisks();
    const writing = setInterval(() => this.writeToDisks(), WRITE_INTERVAL_MS);
    try {
      return await this.requestsAtRest();
    } finally {
      clearInterval(writing);
      await this.calmDown(POLL_CALM_MS);
    }
  }

  /** Leaves each disk with less room than ever before. */
  private writeToDisks(): void {
    this.writtenBytes += WRITE_BYTES;
    for (const { disk } of this.nodes) {
      writeFileSync(join(disk, '.csi-hostpath', 'other'), Buffer.alloc(this.writtenBytes));
    }
  }

  watches(): { watches: Counts; watchRenewalsPerMinute: number } {
    const open = this.audit.openWatches();
    const renewals = open.reduce((sum, { timeoutSeconds }) => sum + 60 / timeoutSeconds, 0);
    return {
      watches: countBy(open, ({ program, resource }) => `${program} ${resource}`),
      watchRenewalsPerMinute: Math.round(renewals * 10) / 10,
    };
  }

  async memory(): Promise<Record<string, Memory>> {
    const leaders = (await this.leases()).map(({ spec }) => spec.holderIdentity);
    const all = [this.snapshotController, ...this.nodes.flatMap(({ processes }) => processes)];
    const byName = new Map<string, Memory[]>();
    for (const { container, pod, pid } of all) {
      const isActiveResizer = container === 'csi-resizer' && leaders.includes(pod);
      const name = isActiveResizer ? 'csi-resizer, active' : container;
      byName.set(name, [...(byName.get(name) ?? []), memoryOf(pid)]);
    }
    const medians = [...byName].map(([name, values]): [string, Memory] => [
      name,
      { rss: median(values.map(({ rss }) => rss)), pss: median(values.map(({ pss }) => pss)) },
    ]);
    return Object.fromEntries(medians.sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  apiServerMemory(): Memory {
    const { rss, pss } = memoryOf(pidOfProgram('kube-apiserver'));
    return { rss: Math.round(rss), pss: Math.round(pss) };
  }

  async capacityObjects(): Promise<number> {
    return (await list('csistoragecapacities', '--namespace=csi-hostpath')).length;
  }

  /** Those of the driver's pods and of the snapshot controller. */
  async leases(): Promise<readonly Lease[]> {
    const lists = await Promise.all(
      LEASE_NAMESPACES.map((namespace) => list<Lease>('leases', `--namespace=${namespace}`)),
    );
    return lists.flat().filter(({ metadata }) => /hostpath|snapshot/.test(metadata.name));
  }

  /** The number of time series of the first node's driver. */
  async metricSeries(): Promise<number> {
    const [node] = this.nodes;
    const response = await fetch(`http://127.0.0.1:${node?.metricsPort}/metrics`);
    const text = await response.text();
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  }

  /** Of Kubernetes, Node.js and the sidecars. */
  async versions(): Promise<Record<string, string>> {
    const text = await kubectl(['version', '--output=json']);
    const { serverVersion } = JSON.parse(text) as { serverVersion: { gitVersion: string } };
    const processes = [this.snapshotController, ...(this.nodes[0]?.processes ?? [])];
    const sidecars = processes.filter(({ container }) => container !== 'driver');
    return {
      Kubernetes: serverVersion.gitVersion,
      'Node.js': process.version,
      ...Object.fromEntries(sidecars.map(({ container, version }) => [container, version])),
    };
  }
}

/** Whether it is neither for a lease nor a watch, which go on at rest. */
export function isWork({ verb, resource }: Request): boolean {
  return resource !== 'leases' && verb !== 'watch';
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) * 10) / 10;
}
