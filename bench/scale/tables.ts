import { markdownTable } from '../../scripts/lib/docs/tables.ts';
import { together, total } from './counts.ts';
import { estimateTable } from './estimates.ts';
import { inDigits, sum } from './fit.ts';
import type { ClaimNumbers, Counts, Memory, ScaleNumbers, SizeNumbers } from './numbers.ts';

/** From the manifests: the limit of each sidecar's memory. */
const SIDECAR_LIMIT_MIB = 256;

/** The tables of docs/explanation/scale.md, by the name in the comment before them. */
export const tables: Readonly<Record<string, (numbers: ScaleNumbers) => string>> = {
  objects: objectsTable,
  watches: watchesTable,
  rest: restTable,
  immediate: ({ sizes }) => claimTable(sizes, ({ immediate }) => immediate),
  waiting: ({ sizes }) => claimTable(sizes, ({ waiting }) => waiting),
  memory: memoryTable,
  caches: cachesTable,
  series: seriesTable,
  estimates: estimateTable,
  versions: ({ versions }) => markdownTable(['program', 'version'], Object.entries(versions)),
};

function objectsTable({ sizes }: ScaleNumbers): string {
  return bySize(sizes, 'number of', [
    ['CSIStorageCapacity objects', ({ capacityObjects }) => capacityObjects],
    ['leases', ({ leases }) => leases],
    ['open watches', ({ watches }) => total(watches)],
    ['requests until an added node is at rest', ({ start }) => total(start)],
  ]);
}

/** Programs with the resources that they watch. */
function watchesTable({ sizes }: ScaleNumbers): string {
  const programs = new Map<string, string[]>();
  for (const name of namesIn(sizes, ({ watches }) => watches)) {
    const [program = '', resource = ''] = name.split(' ');
    programs.set(program, [...(programs.get(program) ?? []), resource]);
  }
  const rows = [...programs].map(([program, resources]) => [
    `\`${program}\``,
    ...sizes.map(({ watches }) => inDigits(sum(resources.map((each) => watches[`${program} ${each}`] ?? 0)))),
    resources.join(', '),
  ]);
  return markdownTable(['watches of', ...nodeHeads(sizes), 'resources'], rows);
}

function restTable({ sizes }: ScaleNumbers): string {
  const rows = requestRows(sizes, ({ atRest }) => atRest);
  const changed = requestRows(sizes, ({ disksInUse }) => onlyNew(disksInUse));
  return bySize(sizes, 'requests per minute', [
    ...rows,
    ['renewed watches', ({ watchRenewalsPerMinute }) => watchRenewalsPerMinute],
    ...changed.map(([name, value]): Row => [`${name}, while the free space of every disk changes`, value]),
  ]);
}

/** What is asked for only when disks change. */
function onlyNew(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => name.endsWith('csistoragecapacities')));
}

function claimTable(sizes: readonly SizeNumbers[], pick: (size: SizeNumbers) => ClaimNumbers): string {
  return bySize(sizes, 'for each claim', [
    ...requestRows(sizes, (size) => together(pick(size))),
    ['all requests', (size) => total(together(pick(size)))],
    ['events sent to watchers', (size) => pick(size).watchEvents],
  ]);
}

function memoryTable({ sizes }: ScaleNumbers): string {
  const programs = [...new Set(sizes.flatMap(({ memory }) => Object.keys(memory)))].sort();
  const cell = (memory: Memory | undefined) =>
    memory ? `${Math.round(memory.rss)} / ${Math.round(memory.pss)}` : '';
  return markdownTable(
    ['MiB, RSS / PSS', ...nodeHeads(sizes)],
    [
      ...programs.map((program) => [program, ...sizes.map(({ memory }) => cell(memory[program]))]),
      ['kube-apiserver', ...sizes.map(({ apiServer }) => cell(apiServer))],
    ],
  );
}

/** The programs that grow with the cluster, and the number of claims at which each reaches its limit. */
function cachesTable({ sizes, cacheKib }: ScaleNumbers): string {
  const memory = sizes.at(-1)?.memory ?? {};
  const rows = Object.entries(cacheKib.perClaim)
    .filter(([, kib]) => kib > 1)
    .map(([program, kib]) => {
      const base = memory[program]?.rss ?? 0;
      const limit = Math.floor(((SIDECAR_LIMIT_MIB - base) * 1024) / kib / 1000) * 1000;
      const with10k = base + (10_000 * kib) / 1024;
      const perPod = cacheKib.perPod[program] ?? 0;
      return [
        program,
        inDigits(kib),
        perPod > 1 ? inDigits(perPod) : '',
        inDigits(Math.round(with10k)),
        inDigits(limit),
      ];
    });
  const limitHead = `claims that fill ${SIDECAR_LIMIT_MIB} MiB`;
  return markdownTable(
    ['program', 'KiB per claim', 'KiB per pod', 'MiB with 10,000 claims', limitHead],
    rows,
  );
}

function seriesTable({ series }: ScaleNumbers): string {
  return markdownTable(
    ['time series', 'without volumes', 'for each volume'],
    [['of a driver', inDigits(series.base), inDigits(series.perVolume)]],
  );
}

type Row = readonly [name: string, value: (size: SizeNumbers) => number];

function requestRows(sizes: readonly SizeNumbers[], pick: (size: SizeNumbers) => Counts): Row[] {
  return namesIn(sizes, pick).map((name) => [name, (size) => pick(size)[name] ?? 0]);
}

function namesIn(sizes: readonly SizeNumbers[], pick: (size: SizeNumbers) => Counts): string[] {
  return [...new Set(sizes.flatMap((size) => Object.keys(pick(size))))].sort();
}

function bySize(sizes: readonly SizeNumbers[], head: string, rows: readonly Row[]): string {
  return markdownTable(
    [head, ...nodeHeads(sizes)],
    rows.map(([name, value]) => [name, ...sizes.map((size) => inDigits(value(size)))]),
  );
}

function nodeHeads(sizes: readonly SizeNumbers[]): string[] {
  return sizes.map(({ nodes }) => (nodes === 1 ? '1 node' : `${nodes} nodes`));
}
