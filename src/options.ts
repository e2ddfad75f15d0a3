import { conflicts } from './options/conflicts.ts';
import { helpText } from './options/help.ts';
import { type Environment, parseFlags } from './options/parse-flags.ts';
import { type FlagValues, flagTable, type Options, type ProxyOptions } from './options/table.ts';

export type { Options, ProxyOptions } from './options/table.ts';

/** The parsed command line. Texts have no trailing line break. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'proxy'; readonly options: ProxyOptions }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version'; readonly text: string }
  | { readonly kind: 'invalid'; readonly errors: readonly string[] };

/**
 * Parses the words after the name of the program, and the environment. Never throws because of user input: all errors
 * are returned together, each a sentence without a full stop. A request for help or the version is served despite
 * errors.
 */
export function parseCommandLine(
  argv: readonly string[],
  version: string,
  environment: Environment = {},
): CommandLine {
  const { values, requests, errors } = parseFlags(flagTable, argv, environment);
  if (requests.has('help')) return { kind: 'help', text: helpText(flagTable) };
  if (requests.has('version')) return { kind: 'version', text: `csi-driver-hostpath ${version}` };
  const allErrors = [...errors, ...conflicts(values)];
  if (allErrors.length > 0) return { kind: 'invalid', errors: allErrors };
  // Without errors, no value is missing except the node id, which a proxy does not need.
  const { proxyEndpoint, ...given } = values as FlagValues;
  const options = { ...given, mountDirs: mountDirsOf(given, environment) };
  return proxyEndpoint === undefined
    ? { kind: 'run', options }
    : { kind: 'proxy', options: { ...options, proxyEndpoint } };
}

/** Where volumes may be mounted: in Kubernetes, only in the kubelet's directory. */
function mountDirsOf(
  { mountDirs, kubeletDir }: Pick<FlagValues, 'mountDirs' | 'kubeletDir'>,
  environment: Environment,
): readonly string[] {
  if (mountDirs.length > 0) return mountDirs;
  return environment['KUBERNETES_SERVICE_HOST'] ? [kubeletDir] : ['/'];
}

const largestRandomLimit = 10;

/**
 * The maximum number of volumes on this node; 0 means no limit. `attachLimit` is the newer name of the flag and wins
 * unless it is 0; -1 means a random limit from 1 to 10, for testing schedulers. `random` returns a number from 0
 * (inclusive) to 1 (exclusive).
 */
export function resolveVolumeLimit(
  given: Pick<Options, 'maxVolumesPerNode' | 'attachLimit'>,
  random: () => number,
): number {
  if (given.attachLimit === -1) return 1 + Math.floor(random() * largestRandomLimit);
  return given.attachLimit === 0 ? given.maxVolumesPerNode : given.attachLimit;
}
