import { helpText } from './options/help.ts';
import { isLabelValue } from './options/names.ts';
import { poolConflicts } from './options/pools.ts';
import { proxyConflicts } from './options/proxy-endpoints.ts';
import { type Environment, readFlags } from './options/read.ts';
import { type FlagValues, flagTable, type Options, type ProxyOptions } from './options/table.ts';

export type { Options, ProxyOptions } from './options/table.ts';
export { resolveVolumeLimit } from './options/volume-limit.ts';

/** The parsed command line. Texts have no trailing line break. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'proxy'; readonly options: ProxyOptions }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version'; readonly text: string }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly string[] };

/**
 * Parses the words after the name of the program, and the environment. Never throws because of user input: all mistakes
 * are returned together, each a sentence without a full stop. A request for help or the version is served despite
 * mistakes.
 */
export function parseCommandLine(
  argv: readonly string[],
  version: string,
  environment: Environment = {},
): CommandLine {
  const { values, requests, mistakes } = readFlags(flagTable, argv, environment);
  if (requests.has('help')) return { kind: 'help', text: helpText(flagTable) };
  if (requests.has('version')) return { kind: 'version', text: `csi-driver-hostpath ${version}` };
  const allMistakes = [...mistakes, ...conflicts(values)];
  if (allMistakes.length > 0) return { kind: 'mistakes', mistakes: allMistakes };
  // Without mistakes, no value is missing except the node id, which a proxy does not need.
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

/** Mistakes in the combination of flags. A value that is itself a mistake is absent, and not checked further. */
function conflicts(values: Partial<FlagValues>): readonly string[] {
  return [...topologyConflicts(values), ...poolConflicts(values), ...proxyConflicts(values)];
}

function topologyConflicts({ nodeId, enableTopology }: Partial<FlagValues>): readonly string[] {
  if (nodeId === undefined || enableTopology !== true || isLabelValue(nodeId)) return [];
  return [
    `--nodeid: ${JSON.stringify(nodeId)} cannot be a topology segment: a label value has at most 63 letters, ` +
      'digits, dashes, dots and underscores, and begins and ends with a letter or digit; give another id, ' +
      'or --enable-topology=false',
  ];
}
