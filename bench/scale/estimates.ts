import { markdownTable } from '../../scripts/lib/docs/tables.ts';
import { together, total } from './counts.ts';
import { fitLine, formulaOf, inDigits, type Line, sum, valueAt } from './fit.ts';
import type { ClaimNumbers, Counts, ScaleNumbers, SizeNumbers } from './numbers.ts';

const ESTIMATED_NODES = 1000;
const SECONDS = 60;

/** What grows with the number of nodes, as a line through the measured values, and its value for many nodes. */
export function estimateTable({ sizes, waitingClasses }: ScaleNumbers): string {
  const line = (value: (size: SizeNumbers) => number) =>
    fitLine(sizes.map((size) => ({ nodes: size.nodes, value: value(size) })));
  const perNode = (value: number): Line => ({ base: 0, perNode: value });
  const constant = (value: (size: SizeNumbers) => number): Line => ({
    base: sum(sizes.map(value)) / sizes.length,
    perNode: 0,
  });
  const started = sizes.at(-1)?.start ?? {};
  const rows: [string, Line][] = [
    ['CSIStorageCapacity objects', perNode(waitingClasses)],
    ['open watches', line(({ watches }) => total(watches))],
    ['lease requests per second', line(({ atRest }) => leaseRequests(atRest) / SECONDS)],
    ['renewed watches per second', line(({ watchRenewalsPerMinute }) => watchRenewalsPerMinute / SECONDS)],
    [
      'updated capacities per second, while the free space of every disk changes',
      line(({ disksInUse }) => capacityUpdates(disksInUse) / SECONDS),
    ],
    ['requests when all nodes start', perNode(total(started))],
    ['updates of capacity for a claim, created and deleted alone', { base: 2 * waitingClasses, perNode: 0 }],
    ['other requests for a claim with WaitForFirstConsumer', constant(({ waiting }) => ownRequests(waiting))],
    [
      'other requests for a claim with Immediate',
      {
        base: constant(({ immediate }) => ownRequests(immediate)).base,
        perNode: line(({ immediate }) => conflicts(immediate)).perNode,
      },
    ],
    ['events to watchers for a claim with Immediate', line(({ immediate }) => immediate.watchEvents)],
    ['events to watchers for a claim with WaitForFirstConsumer', line(({ waiting }) => waiting.watchEvents)],
  ];
  return markdownTable(
    ['number of', 'formula', `${ESTIMATED_NODES.toLocaleString('en')} nodes`],
    rows.map(([name, each]) => [name, formulaOf(each), inDigits(valueAt(each, ESTIMATED_NODES))]),
  );
}

function leaseRequests(counts: Counts): number {
  return sumOf(counts, (name) => name.endsWith(' leases'));
}

function capacityUpdates(counts: Counts): number {
  return sumOf(counts, (name) => name.endsWith(' csistoragecapacities'));
}

/** Nodes that were too late to take a claim. */
function conflicts(claim: ClaimNumbers): number {
  return sumOf(together(claim), (name) => name.endsWith('(conflict) persistentvolumeclaims'));
}

/** Those that do not depend on the number of nodes, and not on how many claims are created together. */
function ownRequests(claim: ClaimNumbers): number {
  return total(together(claim)) - capacityUpdates(together(claim)) - conflicts(claim);
}

function sumOf(counts: Counts, isWanted: (name: string) => boolean): number {
  return sum(Object.entries(counts).map(([name, count]) => (isWanted(name) ? count : 0)));
}
