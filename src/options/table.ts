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

/** Every flag of the driver. The parser, the type of the options, help and docs/options.md come from here. */
export const flagTable = {
  nodeId: {
    name: 'nodeid',
    kind: parsed('ID', parseNodeId),
    required: true,
    unless: 'proxy-endpoint',
    group: 'Identity',
    meaning:
      "This node's id, told by NodeGetInfo; with topology it is also the topology segment, and so a valid label value of at most 63 characters.",
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
    meaning: 'Say that a volume can be reached only from the node that holds it.',
  },
  stateDir: {
    name: 'statedir',
    kind: absolutePath,
    default: '/csi-data-dir',
    group: 'Storage',
    meaning:
      'Directory that holds volumes, snapshots and what the driver remembers of them; it is the pool called default.',
  },
  stateDirMarker: {
    name: 'statedir-marker',
    kind: optional(absolutePath),
    default: '',
    group: 'Storage',
    meaning:
      'File on another disk than the state directory, made by the driver, that remembers it: when the disk of the state directory is not mounted, none is made in the empty mount point.',
  },
  requireExistingStateDir: {
    name: 'require-existing-statedir',
    kind: boolean,
    default: 'false',
    group: 'Storage',
    meaning: 'Refuse to start where the state directory is not there or was never used.',
  },
  pools: {
    name: 'pool',
    kind: poolPlace,
    repeatable: true,
    group: 'Storage',
    meaning:
      'A further pool, chosen by the StorageClass parameter pool: a directory that is empty, not there yet or the pool already.',
  },
  kubeletDir: {
    name: 'kubelet-dir',
    kind: absolutePath,
    default: '/var/lib/kubelet',
    group: 'Storage',
    meaning: "The kubelet's root directory, which may be reached through a symbolic link.",
  },
  mountDirs: {
    name: 'mount-dir',
    kind: absolutePath,
    repeatable: true,
    group: 'Storage',
    meaning:
      'Directory in which volumes may be staged and published; by default any or, in a pod, that of --kubelet-dir.',
  },
  lockTimeoutMs: {
    name: 'lock-timeout',
    kind: duration,
    default: '10s',
    group: 'Storage',
    meaning: 'How long to wait for another driver on the same pool to go.',
  },
  maxVolumeSizeBytes: {
    name: 'max-volume-size',
    kind: bytes,
    default: '1Ti',
    group: 'Limits',
    meaning: 'Size of the largest volume that may be made.',
  },
  maxVolumeSizeNodeBytes: {
    name: 'max-volume-size-node',
    kind: bytes,
    defaultFrom: 'max-volume-size',
    group: 'Limits',
    meaning:
      'Largest size to which NodeExpandVolume grows a volume; by default the value of --max-volume-size.',
  },
  capacities: {
    name: 'capacity',
    kind: poolCapacity,
    repeatable: true,
    group: 'Limits',
    meaning:
      'Capacity of the pool of that name or, where there is none, of a class of volumes in the state directory, chosen by the StorageClass parameter kind.',
  },
  overcommitThousandths: {
    name: 'overcommit',
    kind: thousandths({ min: 1, max: 1000 }),
    default: '1',
    group: 'Limits',
    meaning:
      'How many times over the room there is, on the disk and of --capacity, may be reserved for volumes.',
  },
  attachLimit: {
    name: 'attach-limit',
    kind: integer({ min: -1 }),
    default: '0',
    group: 'Limits',
    meaning: 'How many volumes this node may have; 0 is no limit, -1 a random limit from 1 to 10 for tests.',
  },
  maxVolumesPerNode: {
    name: 'maxvolumespernode',
    kind: integer({ min: 0 }),
    default: '0',
    group: 'Limits',
    meaning: 'The same limit under its older name, in force where --attach-limit is 0.',
  },
  enableVolumeExpansion: {
    name: 'enable-volume-expansion',
    aliases: ['node-expand-required'],
    kind: boolean,
    default: 'true',
    group: 'Expansion',
    meaning: 'Let volumes grow; without it neither side does, whatever the two flags below say.',
  },
  disableControllerExpansion: {
    name: 'disable-controller-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Leave ControllerExpandVolume out.',
  },
  disableNodeExpansion: {
    name: 'disable-node-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Leave NodeExpandVolume out.',
  },
  abandonedPools: {
    name: 'abandoned-pools',
    kind: listOf(parsed('POOL-ID', parsePoolId)),
    default: '',
    group: 'Storage',
    meaning:
      'Pools that are gone for good, by the id in the ids of their volumes: what lay in them counts as deleted, with a warning in the log for each.',
  },
  ...capabilityFlags,
  endpoint: {
    name: 'endpoint',
    kind: endpoint,
    default: 'unix:///tmp/csi.sock',
    environment: 'CSI_ENDPOINT',
    group: 'Endpoint',
    meaning:
      'Where to listen: unix://PATH, unix:PATH, a plain path or tcp://HOST:PORT; the environment variable CSI_ENDPOINT, where it is set, replaces the default.',
  },
  proxyEndpoint: {
    name: 'proxy-endpoint',
    kind: optional(endpoint),
    default: '',
    group: 'Endpoint',
    meaning:
      'Where another CSI driver listens: pass every call on to it and serve none; beside this only the flags for the endpoint and the log have an effect then.',
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
    meaning: "Name or number of the group that owns the socket; without one it is the driver's own.",
  },
  drainTimeoutMs: {
    name: 'drain-timeout',
    kind: duration,
    default: '20s',
    group: 'Endpoint',
    meaning: 'How long calls in flight may take after SIGTERM or SIGINT.',
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
    meaning: 'Format of the log; auto is pretty on a terminal and json elsewhere.',
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

/** What the command line says, with every default filled in. */
export type FlagValues = ValuesOf<typeof flagTable>;

/** What a driver is started with. */
export type Options = Omit<FlagValues, 'proxyEndpoint'>;

/** What a proxy is started with. */
export type ProxyOptions = Pick<
  FlagValues,
  'endpoint' | 'socketMode' | 'socketGroup' | 'drainTimeoutMs' | 'verbosity' | 'logFormat'
> & { readonly proxyEndpoint: Endpoint };
