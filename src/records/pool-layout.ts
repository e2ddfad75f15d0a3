import { join } from 'node:path';

/** Nobody but the driver reads, writes or enters. */
export const driverOnlyMode = 0o700;

/** The paths of a pool, from its root. Everything but volume content is the driver's alone (mode 0700). */
export function poolLayout(root: string) {
  const metadata = join(root, '.csi-hostpath');
  return {
    root,
    metadata,
    marker: join(metadata, 'pool.json'),
    lock: join(metadata, 'lock'),
    /** In the state directory only: every pool this driver has used. */
    registry: join(metadata, 'pools.json'),
    /** Files with space of their own, from which records are made when the disk is full. */
    reserve: join(metadata, 'reserve'),
    /** The marks of the file systems that are frozen now. */
    frozen: join(metadata, 'frozen'),
    /** Written to find out whether the disk answers; there only in that moment. */
    heartbeat: join(metadata, 'heartbeat'),
    volumes: join(root, 'volumes'),
    snapshots: join(root, 'snapshots'),
    groups: join(root, 'groups'),
    /** Deleted volumes whose content was to be kept for its owner. */
    retained: join(root, 'retained'),
    /** What is being built; emptied at start. */
    incoming: join(root, '.incoming'),
    /** What is being removed; emptied at start. */
    outgoing: join(root, '.outgoing'),
  } as const;
}

export type PoolLayout = ReturnType<typeof poolLayout>;

/** The directories that hold objects. In a pool that was used they are there, or something is wrong. */
export const homes = ['volumes', 'snapshots', 'groups', 'retained'] as const;

export type Home = (typeof homes)[number];
