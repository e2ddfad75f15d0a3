import { type Endpoint, parseEndpoint } from '../rpc/server/endpoint.ts';
import { capabilityFlags } from './capability-flags.ts';
import type { FlagTable, ValuesOf } from './flag.ts';
import { monitoringFlags } from './monitoring-flags.ts';
import { parseDriverName, parseNodeId } from './names.ts';
import { storageFlags } from './storage-flags.ts';
import { boolean, duration, fileMode, integer, oneOf, optional, parsed, text } from './values.ts';

const endpoint = parsed('ENDPOINT', parseEndpoint);
const ignoredText = text('VALUE');

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
      'Name of the driver: at most 63 letters, digits, dashes and dots, beginning and ending with a letter or digit.',
  },
  enableTopology: {
    name: 'enable-topology',
    kind: boolean,
    default: 'true',
    group: 'Identity',
    meaning: 'Report that a volume is accessible only from the node that holds it.',
  },
  ...storageFlags,
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
      'Endpoint of another CSI driver, to which every call is forwarded; only the flags for the endpoint and the log then have an effect.',
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
  ...monitoringFlags,
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
  // The flags of klog, the log library of the Go reference driver, except -v. Manifests written for that driver set them,
  // so they are accepted; this driver logs to standard error and ignores them.
  addDirHeader: { name: 'add_dir_header', kind: boolean, ignored: true },
  alsoLogToStderr: { name: 'alsologtostderr', kind: boolean, ignored: true },
  alsoLogToStderrThreshold: { name: 'alsologtostderrthreshold', kind: ignoredText, ignored: true },
  legacyStderrThreshold: { name: 'legacy_stderr_threshold_behavior', kind: boolean, ignored: true },
  logBacktraceAt: { name: 'log_backtrace_at', kind: ignoredText, ignored: true },
  logDir: { name: 'log_dir', kind: ignoredText, ignored: true },
  logFile: { name: 'log_file', kind: ignoredText, ignored: true },
  logFileMaxSize: { name: 'log_file_max_size', kind: ignoredText, ignored: true },
  logToStderr: { name: 'logtostderr', kind: boolean, ignored: true },
  oneOutput: { name: 'one_output', kind: boolean, ignored: true },
  skipHeaders: { name: 'skip_headers', kind: boolean, ignored: true },
  skipLogHeaders: { name: 'skip_log_headers', kind: boolean, ignored: true },
  stderrThreshold: { name: 'stderrthreshold', kind: ignoredText, ignored: true },
  vmodule: { name: 'vmodule', kind: ignoredText, ignored: true },
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
