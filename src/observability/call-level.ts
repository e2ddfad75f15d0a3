/** The level at which a successful call is logged. */
export type CallLevel = 'info' | 'debug' | 'trace';

// In CSI, only read RPCs have such names; Probe is the only other read.
const READ = /^(?:Controller|GroupController|Node)?(?:Get|List|Validate)/;

/**
 * Changes are always logged. Every node and sidecar sends reads every minute, and probes every few seconds; as in the
 * drivers of kubernetes-csi they need a higher verbosity.
 * @param path of the method, for instance `/csi.v1.Node/NodeStageVolume`
 */
export function callLevel(path: string): CallLevel {
  const method = path.slice(path.lastIndexOf('/') + 1);
  if (method === 'Probe') return 'trace';
  return READ.test(method) ? 'debug' : 'info';
}
