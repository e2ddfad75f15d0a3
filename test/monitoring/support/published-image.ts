import { CLAIM_NAMESPACE, claimParameters } from '../../support/claims.ts';
import { fileSystem, image, imageFile } from '../../support/image-node.ts';
import { monitoredNode } from './monitored-node.ts';

const MIB = 1024 ** 2;

/** A node with a published image for the claim `data`. */
export async function publishedImage(bytes = 64 * MIB, capability = fileSystem('ext4')) {
  const monitored = await monitoredNode();
  const { parameters, capacity_range = null } = image(bytes);
  const paths = await monitored.node.createPublished('data', capability, {
    capacity_range,
    parameters: { ...parameters, ...claimParameters('data') },
  });
  return { ...monitored, paths, file: imageFile(monitored.node, paths.volume_id) };
}

/** The labels of alerts about the volume of the claim `data`. */
export const ofClaim = ({ volume_id }: { readonly volume_id: string }) => ({
  volume_id,
  node: 'node-1',
  namespace: CLAIM_NAMESPACE,
  persistentvolumeclaim: 'data',
});
