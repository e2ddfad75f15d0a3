import type { FlagTable } from './flag.ts';
import { parsePoolId } from './names.ts';
import { poolCapacity, poolLocation } from './pools.ts';
import {
  absolutePath,
  boolean,
  bytes,
  duration,
  integer,
  listOf,
  optional,
  parsed,
  thousandths,
} from './values.ts';

/** The flags for where volumes are stored and mounted, and for how many and how large they may be. */
export const storageFlags = {
  stateDir: {
    name: 'statedir',
    kind: absolutePath,
    default: '/csi-data-dir',
    group: 'Storage',
    meaning: 'Directory for volumes, snapshots and their records; it is the pool named default.',
  },
  stateDirMarker: {
    name: 'statedir-marker',
    kind: optional(absolutePath),
    default: '',
    group: 'Storage',
    meaning:
      'File on another disk, created by the driver, that identifies the state directory: if the disk of the state directory is not mounted, the driver does not create a new one in the empty mount point.',
  },
  requireExistingStateDir: {
    name: 'require-existing-statedir',
    kind: boolean,
    default: 'false',
    group: 'Storage',
    meaning: 'Refuse to start if the state directory does not exist or was never used.',
  },
  pools: {
    name: 'pool',
    kind: poolLocation,
    repeatable: true,
    group: 'Storage',
    meaning:
      'An additional pool, selected by the StorageClass parameter pool: a directory that does not exist, is empty, or already is the pool.',
  },
  configPath: {
    name: 'config',
    kind: optional(absolutePath),
    default: '',
    group: 'Storage',
    meaning:
      'YAML file with additional pools, each for all nodes or some; it is read again when it changes (docs/reference/pools.md).',
  },
  kubeletDir: {
    name: 'kubelet-dir',
    kind: absolutePath,
    default: '/var/lib/kubelet',
    group: 'Storage',
    meaning: 'Root directory of the kubelet; the path may be a symbolic link.',
  },
  mountDirs: {
    name: 'mount-dir',
    kind: absolutePath,
    repeatable: true,
    group: 'Storage',
    meaning:
      'Directory below which volumes may be staged and published; by default any directory or, in a pod, --kubelet-dir.',
  },
  lockTimeoutMs: {
    name: 'lock-timeout',
    kind: duration,
    default: '10s',
    group: 'Storage',
    meaning: 'How long to wait for another driver to release the lock of a pool.',
  },
  trimIntervalMs: {
    name: 'trim-interval',
    kind: duration,
    default: '0s',
    group: 'Storage',
    meaning:
      'How often to return the space of deleted data in mounted images to their pools, as csi-hostpath trim does; 0s for never, which is enough for images mounted with discard, as by default.',
  },
  encryptionKeyFile: {
    name: 'encryption-key-file',
    kind: optional(absolutePath),
    default: '',
    group: 'Storage',
    meaning:
      'File whose content, of 1 to 4096 bytes, is the key of encrypted volumes whose calls bring none; it is read each time that it is needed.',
  },
  abandonedPools: {
    name: 'abandoned-pools',
    kind: listOf(parsed('POOL-ID', parsePoolId)),
    default: '',
    group: 'Storage',
    meaning:
      'IDs of permanently lost pools, as contained in the IDs of their volumes; objects in them count as deleted, and each deletion is logged as a warning.',
  },
  maxVolumeSizeBytes: {
    name: 'max-volume-size',
    kind: bytes,
    default: '1Ti',
    group: 'Limits',
    meaning: 'Maximum size of a new volume.',
  },
  maxVolumeSizeNodeBytes: {
    name: 'max-volume-size-node',
    kind: bytes,
    defaultFrom: 'max-volume-size',
    group: 'Limits',
    meaning: 'Maximum size to which NodeExpandVolume expands a volume; by default --max-volume-size.',
  },
  capacities: {
    name: 'capacity',
    kind: poolCapacity,
    repeatable: true,
    group: 'Limits',
    meaning:
      'Capacity of the pool with that name or, if there is no such pool, of a class of volumes in the state directory, selected by the StorageClass parameter kind.',
  },
  overcommitThousandths: {
    name: 'overcommit',
    kind: thousandths({ min: 1, max: 1000 }),
    default: '1',
    group: 'Limits',
    meaning:
      'How many times the available space, of the disk and of --capacity, may be reserved for volumes.',
  },
  attachLimit: {
    name: 'attach-limit',
    kind: integer({ min: -1 }),
    default: '0',
    group: 'Limits',
    meaning:
      'Maximum number of volumes on this node; 0 means no limit, -1 a random limit from 1 to 10 for tests.',
  },
  maxVolumesPerNode: {
    name: 'maxvolumespernode',
    kind: integer({ min: 0 }),
    default: '0',
    group: 'Limits',
    meaning: 'Former name of --attach-limit; used if --attach-limit is 0.',
  },
} as const satisfies FlagTable;
