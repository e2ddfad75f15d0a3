import { endOf } from '../kernel/devices/loop-list.ts';
import { directoryNameOf, idOfDirectory, parseObjectId } from '../model/objects/object-id.ts';
import type { HostState } from './host-state.ts';
import { remedies } from './remedies.ts';
import type { DamagedReport, FindingReport, StatusReport } from './report.ts';
import { titleOf } from './title.ts';

/** Something that is wrong, in sentences. */
export interface Problem {
  /** What it is about, such as `volume shop/data` or `pool fast`. */
  readonly subject: string;
  readonly problem: string;
  readonly remedy: string;
}

/** What is wrong with the pools, with their objects, and with what the kernel has of them. */
export function problemsIn(report: StatusReport, host: HostState): Problem[] {
  const isGone = goneIn(report);
  return [
    ...report.pools.flatMap(({ name, findings }) => fromFindings(`pool ${name}`, findings)),
    ...unreachablePools(report),
    ...report.volumes.flatMap((volume) => fromFindings(`volume ${titleOf(volume)}`, volume.findings)),
    ...report.damaged.map(fromDamaged),
    ...report.jobs.flatMap((job) =>
      job.kind === 'removal' ? job.stuck.map((stuck) => fromStuck(job.pool, stuck)) : [],
    ),
    ...mountsOfNothing(isGone, host),
    ...devicesOfNothing(isGone, host),
  ];
}

function fromFindings(subject: string, findings: readonly FindingReport[]): Problem[] {
  return findings.map(({ reason, message }) => ({
    subject,
    problem: `${reason}: ${message}`,
    remedy: Object.hasOwn(remedies, reason) ? remedies[reason as keyof typeof remedies] : '',
  }));
}

/** Of disks that were read without a driver, which has findings of its own. */
function unreachablePools({ pools }: StatusReport): Problem[] {
  return pools
    .filter(({ isReachable, findings }) => isReachable === false && findings.length === 0)
    .map(({ name, path }) => ({
      subject: `pool ${name}`,
      problem: `PoolUnreachable: ${path} does not contain the pool`,
      remedy: remedies.PoolUnreachable,
    }));
}

function fromDamaged({ kind, id, pool, reason }: DamagedReport): Problem {
  return {
    subject: `${kind} ${id}`,
    problem: `RecordDamaged: its record in pool ${pool} cannot be used: ${reason}`,
    remedy: remedies.RecordDamaged,
  };
}

function fromStuck(pool: string, { directory, reason }: { directory: string; reason: string }): Problem {
  return {
    subject: `pool ${pool}`,
    problem: `DeletedContentLeft: ${directory} cannot be removed: ${reason}`,
    remedy: remedies.DeletedContentLeft,
  };
}

/** Mounts of volumes that no longer exist: they keep space in use that nobody sees. */
function mountsOfNothing(isGone: IsGone, { mounts }: HostState): Problem[] {
  return mounts.flatMap(({ path, root }) => {
    const directory = /\/([^/]+)\/data(?:\/|$)/.exec(root)?.[1];
    if (directory === undefined || !isGone(directory)) return [];
    return [
      {
        subject: `mount ${path}`,
        problem: `it is a mount of ${idOfDirectory(directory)}, which does not exist`,
        remedy: `Unmount it: umount ${path}`,
      },
    ];
  });
}

/** Loop devices of images that no longer exist. */
function devicesOfNothing(isGone: IsGone, { loops }: HostState): Problem[] {
  return loops.flatMap(({ path, backingPath, isBackingRemoved }) => {
    const [directory = '', file] = endOf(backingPath).split('/');
    if (file?.replace(/ \(deleted\)$/, '') !== 'image' || !isGone(directory)) return [];
    const onlyCopy = 'The image was removed, so the device has the only copy: save what you want to keep.';
    const remedy = `Unmount it wherever it is mounted, and detach it: losetup --detach ${path}`;
    return [
      {
        subject: `device ${path}`,
        problem: `it is attached to the image of ${idOfDirectory(directory)}, which does not exist`,
        remedy: isBackingRemoved ? `${onlyCopy} ${remedy}` : remedy,
      },
    ];
  });
}

/** Whether the name is that of the directory of an object of these pools that does not exist. */
type IsGone = (directory: string) => boolean;

function goneIn(report: StatusReport): IsGone {
  const objects = [report.volumes, report.snapshots, report.groupSnapshots, report.retained, report.damaged];
  const known = new Set(objects.flat().map(({ id }) => directoryNameOf(id)));
  const pools = new Set(report.pools.filter(({ isReachable }) => isReachable).map(({ id }) => id));
  return (directory) => {
    const own = parseObjectId(idOfDirectory(directory));
    return own !== undefined && pools.has(own.poolId) && !known.has(directory);
  };
}
