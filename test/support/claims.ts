/** The namespace of all claims of the tests. */
export const CLAIM_NAMESPACE = 'shop';

/** The parameters that csi-provisioner adds to the request for a claim. */
export function claimParameters(name: string): Record<string, string> {
  return {
    'csi.storage.k8s.io/pv/name': `pvc-${name}`,
    'csi.storage.k8s.io/pvc/name': name,
    'csi.storage.k8s.io/pvc/namespace': CLAIM_NAMESPACE,
  };
}
