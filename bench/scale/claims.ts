import { countRequests } from './audit.ts';
import { type Cluster, isWork } from './cluster.ts';
import { create, type KubernetesObject, kubectl, list, until } from './kubectl.ts';
import type { ClaimNumbers, Counts } from './numbers.ts';
import { claim, IMMEDIATE_CLASS, NAMESPACE, namesOf, pod, WAITING_CLASS } from './objects.ts';

/** A claim or volume, as far as it is used. */
interface Phased extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}

/** Creates claims together, and deletes them. Each waiting claim has a pod, which the scheduler binds to a node. */
export async function measureClaims(
  cluster: Cluster,
  number: number,
  binding: 'immediate' | 'waiting',
): Promise<ClaimNumbers> {
  const withPods = binding === 'waiting';
  const names = namesOf('claim', number);
  const eventsBefore = await watchEvents();
  const created = await requestsPer(cluster, number, async () => {
    await create([
      ...names.map((name) => claim(name, withPods ? WAITING_CLASS : IMMEDIATE_CLASS)),
      ...(withPods ? names.map((name) => pod(name)) : []),
    ]);
    await untilBound(number);
  });
  const deleted = await requestsPer(cluster, number, async () => {
    if (withPods) await kubectl(['delete', 'pods', '--all', '--force', '--grace-period=0']);
    await deleteClaims();
  });
  const events = (await watchEvents()) - eventsBefore;
  return { created, deleted, watchEvents: Math.round(events / number) };
}

/** Deletes all claims. @returns once their volumes are gone */
export async function deleteClaims(): Promise<void> {
  await kubectl(['delete', 'pvc', '--all']);
  await until('the volumes to be gone', async () => (await list('pv')).length === 0);
}

/** Waits until that many claims are bound. */
export async function untilBound(number: number): Promise<void> {
  await until('the claims to be bound', async () => {
    const claims = await list<Phased>('pvc', `--namespace=${NAMESPACE}`);
    return claims.filter(({ status }) => status?.phase === 'Bound').length === number;
  });
}

/** Counts the requests of the driver's pods because of an action. */
async function requestsPer(cluster: Cluster, number: number, action: () => Promise<void>): Promise<Counts> {
  const mark = cluster.audit.mark();
  await action();
  await cluster.calmDown();
  return countRequests(cluster.audit.since(mark).filter(isWork), 1 / number);
}

/** How many events the API server has sent to watchers of claims and volumes. */
async function watchEvents(): Promise<number> {
  const text = await kubectl(['get', '--raw', '/metrics']);
  const pattern =
    /^apiserver_watch_events_total\{[^}]*resource="(?:persistentvolumeclaims|persistentvolumes)"[^}]*\} (\S+)$/gm;
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}
