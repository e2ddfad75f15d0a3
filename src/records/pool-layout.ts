import { join } from 'node:path';

/** Only the driver may read, write or enter. */
export const driverOnlyMode = 0o700;

/**
 * The paths of a pool, from its root. Everything except volume content is accessible only to the driver (mode 0700).
 */
export function poolLayout(root: string) {
  const metadata = join(root, '.csi-hostpath');
  return {
    root,
    metadata,
    marker: join(metadata, 'pool.json'),
    lock: join(metadata, 'lock'),
    /** In the state directory only: every pool that this driver has used. */
    registry: join(metadata, 'pools.json'),
    /** Preallocated files that become records when the disk is full. */
    reserve: join(metadata, 'reserve'),
    /** Marks of the file systems that are frozen now. */
    frozen: join(metadata, 'frozen'),
    /** Written to check whether the disk answers; exists only during the check. */
    heartbeat: join(metadata, 'heartbeat'),
    volumes: join(root, 'volumes'),
    snapshots: join(root, 'snapshots'),
    groups: join(root, 'groups'),
    /** Deleted volumes whose content is kept for its owner. */
    retained: join(root, 'retained'),
    /** Symbolic links to the content of volumes, for people. Nothing depends on them. */
    names: join(root, 'names'),
    /** Objects being created; emptied at startup. */
    incoming: join(root, '.incoming'),
    /** Volumes being made of data that exists; finished at startup. Made when it is first needed. */
    adopting: join(root, '.adopting'),
    /** Objects being removed; emptied at startup. */
    outgoing: join(root, '.outgoing'),
  } as const;
}

export type PoolLayout = ReturnType<typeof poolLayout>;

/** The directories that hold objects. In a pool that has been used, they exist unless something is wrong. */
export const kindDirectories = ['volumes', 'snapshots', 'groups', 'retained'] as const;

export type KindDirectoryName = (typeof kindDirectories)[number];
