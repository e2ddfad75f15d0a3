const PREFIX = 'csi.storage.k8s.io/';

/**
 * Whether a key is one that Kubernetes and its sidecars put among the parameters, such as the name of the claim. They mean
 * something to those who put them there.
 */
export function isOfKubernetes(key: string): boolean {
  return key.startsWith(PREFIX);
}
