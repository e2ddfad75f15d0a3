/** At which level a call that succeeded is logged. */
export type CallLevel = 'info' | 'debug' | 'trace';

// CSI names every RPC that only looks like this, but for Probe.
const READ = /^(?:Controller|GroupController|Node)?(?:Get|List|Validate)/;

/**
 * Changes are logged always. Reads come from every node and sidecar every minute, and probes every few seconds; as in the
 * drivers of kubernetes-csi they need a higher verbosity.
 * @param path of the method, for instance `/csi.v1.Node/NodeStageVolume`
 */
export function callLevel(path: string): CallLevel {
  const method = path.slice(path.lastIndexOf('/') + 1);
  if (method === 'Probe') return 'trace';
  return READ.test(method) ? 'debug' : 'info';
}
