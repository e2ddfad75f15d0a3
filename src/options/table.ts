import { type Endpoint, parseEndpoint } from '../rpc/endpoint.ts';
import { capabilityFlags } from './capability-flags.ts';
import type { FlagTable, ValuesOf } from './flag.ts';
import { klogFlags } from './klog-flags.ts';
import { parseDriverName, parseNodeId, parsePoolId } from './names.ts';
import { poolCapacity, poolPlace } from './pools.ts';
import {
  absolutePath,
  boolean,
  bytes,
  duration,
  fileMode,
  integer,
  listOf,
  oneOf,
  optional,
  parsed,
  text,
  thousandths,
} from './values.ts';

const endpoint = parsed('ENDPOINT', parseEndpoint);

/** Every flag of the driver. The parser, the type of the options, help and docs/options.md are derived from it. */
export const flagTable = {
  nodeId: {
    name: 'nodeid',
    kind: parsed('ID', parseNodeId),
    required: true,
    unless: 'proxy-endpoint',
    group: 'Identity',
    meaning:
      'ID of this node, returned by NodeGetInfo; with topology it is also the topology segment, so it must be a valid label value of at most 63 characters.',
  },
  driverName: {
    name: 'drivername',
    kind: parsed('NAME', parseDriverName),
    default: 'hostpath.csi.k8s.io',
    group: 'Identity',
    meaning:
      'Name of the driver: at most 63 letters, digits, dashes and dots, with a letter or digit at either end.',
  },
  enableTopology: {
    name: 'enable-topology',
    kind: boolean,
    default: 'true',
    group: 'Identity',
    meaning: 'Report that a volume is accessible only from the node that holds it.',
  },
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
    kind: poolPlace,
    repeatable: true,
    group: 'Storage',
    meaning:
      'An additional pool, selected by the StorageClass parameter pool: a directory that does not exist, is empty, or already is the pool.',
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
      'Capacity of the pool of that name or, if there is no such pool, of a class of volumes in the state directory, selected by the StorageClass parameter kind.',
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
    meaning: 'Older name of --attach-limit, used if that is 0.',
  },
  enableVolumeExpansion: {
    name: 'enable-volume-expansion',
    aliases: ['node-expand-required'],
    kind: boolean,
    default: 'true',
    group: 'Expansion',
    meaning: 'Allow volume expansion; false disables it in the controller and the node.',
  },
  disableControllerExpansion: {
    name: 'disable-controller-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Do not implement ControllerExpandVolume.',
  },
  disableNodeExpansion: {
    name: 'disable-node-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Do not implement NodeExpandVolume.',
  },
  abandonedPools: {
    name: 'abandoned-pools',
    kind: listOf(parsed('POOL-ID', parsePoolId)),
    default: '',
    group: 'Storage',
    meaning:
      'Pools that are permanently lost, by the pool ID in the IDs of their volumes; objects in them count as deleted, and each deletion is logged as a warning.',
  },
  ...capabilityFlags,
  endpoint: {
    name: 'endpoint',
    kind: endpoint,
    default: 'unix:///tmp/csi.sock',
    environment: 'CSI_ENDPOINT',
    group: 'Endpoint',
    meaning:
      'Where to listen: unix://PATH, unix:PATH, a plain path or tcp://HOST:PORT; the environment variable CSI_ENDPOINT, if set, replaces the default.',
  },
  proxyEndpoint: {
    name: 'proxy-endpoint',
    kind: optional(endpoint),
    default: '',
    group: 'Endpoint',
    meaning:
      'Endpoint of another CSI driver: forward every call to it and serve none; only the flags for the endpoint and the log then have an effect.',
  },
  socketMode: {
    name: 'socket-mode',
    kind: fileMode,
    default: '0700',
    group: 'Endpoint',
    meaning: 'File mode of the socket.',
  },
  socketGroup: {
    name: 'socket-group',
    kind: text('GROUP'),
    default: '',
    group: 'Endpoint',
    meaning: 'Name or number of the group that owns the socket; by default the group of the driver.',
  },
  drainTimeoutMs: {
    name: 'drain-timeout',
    kind: duration,
    default: '20s',
    group: 'Endpoint',
    meaning: 'How long to wait for calls in flight after SIGTERM or SIGINT.',
  },
  verbosity: {
    name: 'v',
    kind: integer({ min: 0 }),
    default: '2',
    group: 'Logging',
    meaning:
      'Verbosity: calls that change something and calls that fail are always logged; from 4 on also calls that only read, and debug lines; from 5 on also probes, and the requests and replies of all calls, without secrets.',
  },
  logFormat: {
    name: 'log-format',
    kind: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    group: 'Logging',
    meaning: 'Log format; auto means pretty on a terminal and json otherwise.',
  },
  help: {
    name: 'help',
    aliases: ['h'],
    kind: boolean,
    request: 'help',
    group: 'Information',
    meaning: 'Print this text and exit.',
  },
  version: {
    name: 'version',
    kind: boolean,
    request: 'version',
    group: 'Information',
    meaning: 'Print the version and exit.',
  },
  ...klogFlags,
} as const satisfies FlagTable;

/** The values of the command line, with all defaults. */
export type FlagValues = ValuesOf<typeof flagTable>;

/** The options of a driver. */
export type Options = Omit<FlagValues, 'proxyEndpoint'>;

/** The options of a proxy. */
export type ProxyOptions = Pick<
  FlagValues,
  'endpoint' | 'socketMode' | 'socketGroup' | 'drainTimeoutMs' | 'verbosity' | 'logFormat'
> & { readonly proxyEndpoint: Endpoint };
