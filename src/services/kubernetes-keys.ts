const PREFIX = 'csi.storage.k8s.io/';

/**
 * Whether Kubernetes or one of its sidecars added this key to the parameters, such as the name of the claim. Only they
 * interpret such keys.
 */
export function isOfKubernetes(key: string): boolean {
  return key.startsWith(PREFIX);
}
