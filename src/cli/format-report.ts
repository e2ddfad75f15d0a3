import type {
  CopyReport,
  FindingReport,
  JobReport,
  MountReport,
  PoolReport,
  RemovalReport,
  RetainedReport,
  StatusReport,
  VolumeReport,
} from '../status/report.ts';
import { titleOf } from '../status/title.ts';
import { usedShare } from '../status/used-share.ts';
import { type Column, tableLines } from '../text/table.ts';
import { formatBytes, formatCount } from '../units/format-bytes.ts';
import { bar } from './bar.ts';
import { formatAge, formatTimeUntil } from './format-age.ts';

/** A report as text for a terminal, with what is wrong under what it is about. */
export function formatReport(report: StatusReport, now: Date): string {
  const sections = [
    [headline(report, now)],
    poolSection(report),
    volumeSection(report, now),
    snapshotSection(report, now),
    jobSection(report),
    retainedSection(report, now),
    damagedSection(report),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function headline({ driver }: StatusReport, now: Date): string {
  if (!driver) return 'No driver is running; this is what its disks say.';
  const { name, version, nodeId, startedAt } = driver;
  return `${name} ${version} on ${nodeId}, running for ${formatAge(startedAt, now)}`;
}

const poolColumns: readonly Column[] = [
  { title: 'POOL' },
  { title: 'DISK USED' },
  { title: 'SIZE', align: 'right' },
  { title: 'FREE', align: 'right' },
  { title: 'FOR A VOLUME', align: 'right' },
  { title: 'VOLUMES', align: 'right' },
  { title: 'SNAPSHOTS', align: 'right' },
  { title: 'DIRECTORIES' },
];

function poolSection({ pools }: StatusReport): string[] {
  return withNotes(
    poolColumns,
    pools.map((pool) => ({
      cells: [
        pool.name,
        pool.space ? bar(usedShare(pool.space), 1) : stateOf(pool),
        size(pool.space?.totalBytes),
        size(pool.space?.availableBytes),
        size(pool.provisionableBytes),
        formatCount(pool.volumeCount),
        formatCount(pool.snapshotCount),
        pool.directories ?? '-',
      ],
      notes: findingNotes(pool.findings),
    })),
  );
}

function stateOf({ isReachable }: PoolReport): string {
  return isReachable === false ? 'unreachable' : 'not known yet';
}

const volumeColumns: readonly Column[] = [
  { title: 'VOLUME' },
  { title: 'POOL' },
  { title: 'BACKEND' },
  { title: 'SIZE', align: 'right' },
  { title: 'USED' },
  { title: 'INODES', align: 'right' },
  { title: 'AGE', align: 'right' },
];

function volumeSection({ volumes }: StatusReport, now: Date): string[] {
  return withNotes(
    volumeColumns,
    [...volumes].sort(byTitle).map((volume) => ({
      cells: [
        titleOf(volume),
        volume.pool,
        backendOf(volume),
        formatBytes(volume.sizeBytes),
        volume.usedBytes === undefined
          ? '-'
          : `${bar(volume.usedBytes, volume.sizeBytes)}  ${formatBytes(volume.usedBytes)}`,
        volume.inodes ? formatCount(volume.inodes.used) : '-',
        formatAge(volume.createdAt, now),
      ],
      notes: [...volume.mounts.map((mount) => mountNote(mount, now)), ...findingNotes(volume.findings)],
    })),
  );
}

function byTitle(one: VolumeReport, other: VolumeReport): number {
  return titleOf(one).localeCompare(titleOf(other), 'en');
}

function backendOf({ backend, mode, fsType }: VolumeReport): string {
  if (mode === 'Block') return `${backend} (block)`;
  return fsType === undefined ? backend : `${backend} (${fsType})`;
}

function mountNote({ path, kind, since }: MountReport, now: Date): string {
  const when = since === undefined ? 'since before the driver started' : `for ${formatAge(since, now)}`;
  return kind === 'found' ? `mounted at ${path}` : `${kind} at ${path} ${when}`;
}

function snapshotSection({ snapshots, volumes }: StatusReport, now: Date): string[] {
  const titles = new Map(volumes.map((volume) => [volume.id, titleOf(volume)]));
  const columns: readonly Column[] = [
    { title: 'SNAPSHOT' },
    { title: 'OF' },
    { title: 'POOL' },
    { title: 'SIZE', align: 'right' },
    { title: 'AGE', align: 'right' },
    { title: 'VOLUMES FROM IT' },
  ];
  return withNotes(
    columns,
    snapshots.map(({ id, name, sourceVolumeId, pool, sizeBytes, createdAt }) => ({
      cells: [
        name ?? id,
        titles.get(sourceVolumeId) ?? `${sourceVolumeId} (deleted)`,
        pool,
        formatBytes(sizeBytes),
        formatAge(createdAt, now),
        volumes
          .filter(({ source }) => source?.id === id)
          .map(titleOf)
          .join(', ') || '-',
      ],
      notes: [],
    })),
  );
}

function jobSection({ jobs }: StatusReport): string[] {
  if (jobs.length === 0) return [];
  return ['JOBS', ...jobs.flatMap((job) => jobLines(job).map((line) => `  ${line}`))];
}

function jobLines(job: JobReport): string[] {
  return job.kind === 'copy' ? [copyLine(job)] : removalLines(job);
}

function copyLine({ id, from, copiedBytes, expectedBytes, isWaiting }: CopyReport): string {
  const progress =
    expectedBytes === undefined
      ? formatBytes(copiedBytes)
      : `${bar(copiedBytes, expectedBytes)} of ${formatBytes(expectedBytes)}`;
  return `copy of ${from} to ${id}: ${progress}${isWaiting ? ', waiting for a file that is leased' : ''}`;
}

function removalLines({ pool, directoryCount, stuck }: RemovalReport): string[] {
  return [
    `removal of deleted content in pool ${pool}: ${formatCount(directoryCount)} left`,
    ...stuck.map(({ directory, reason }) => `  ! ${directory}: ${reason}`),
  ];
}

const retainedColumns: readonly Column[] = [
  { title: 'DELETED VOLUME' },
  { title: 'KEPT BY' },
  { title: 'SIZE', align: 'right' },
  { title: 'DELETED', align: 'right' },
  { title: 'EXPIRES IN', align: 'right' },
  { title: 'DIRECTORY' },
];

function retainedSection({ retained }: StatusReport, now: Date): string[] {
  return withNotes(
    retainedColumns,
    retained.map((volume) => ({
      cells: [
        titleOf(volume),
        volume.onDelete,
        formatBytes(volume.sizeBytes),
        volume.deletedAt === undefined ? '-' : formatAge(volume.deletedAt, now),
        expiryOf(volume, now),
        volume.directory,
      ],
      notes: [],
    })),
  );
}

function expiryOf({ expiresAt }: RetainedReport, now: Date): string {
  if (expiresAt === undefined) return 'never';
  return Date.parse(expiresAt) <= now.getTime() ? 'expired' : formatTimeUntil(expiresAt, now);
}

function damagedSection({ damaged }: StatusReport): string[] {
  if (damaged.length === 0) return [];
  return [
    'DAMAGED RECORDS (docs/guides/recovery.md)',
    ...damaged.map(({ kind, id, pool, reason }) => `  ! ${kind} ${id} in pool ${pool}: ${reason}`),
  ];
}

/** A row of a table, and what is said under it. */
interface NotedRow {
  readonly cells: readonly string[];
  readonly notes: readonly string[];
}

/** Nothing without rows. */
function withNotes(columns: readonly Column[], rows: readonly NotedRow[]): string[] {
  if (rows.length === 0) return [];
  const [title = '', ...lines] = tableLines(
    columns,
    rows.map(({ cells }) => cells),
  );
  return [
    title,
    ...lines.flatMap((line, index) => [line, ...(rows[index]?.notes ?? []).map((note) => `  ${note}`)]),
  ];
}

function findingNotes(findings: readonly FindingReport[]): string[] {
  return findings.map(({ reason, message }) => `! ${reason}: ${message}`);
}

function size(bytes: number | undefined): string {
  return bytes === undefined ? '-' : formatBytes(bytes);
}
