import { join } from 'node:path';
import { Probes } from '../kernel/process/probes.ts';
import { diskOf } from './probe-pool.ts';

const probes = new Probes();

/**
 * The first directory of the node's own that is on the same disk as a pool: the root directory, or the kubelet's. When
 * volumes fill that disk, the kubelet evicts pods. In a container the root directory is the container's, and only parts
 * of the kubelet's directory are mounted from the node. A directory that is missing, or does not answer, is passed over.
 */
export async function systemDirectoryOnDiskOf(
  poolPath: string,
  kubeletDir: string,
): Promise<string | undefined> {
  const disk = await diskOf(poolPath);
  for (const directory of ['/', kubeletDir, join(kubeletDir, 'pods')]) {
    const other = await probes.run(directory, () => diskOf(directory)).catch(() => undefined);
    if (other === disk) return directory;
  }
  return undefined;
}
