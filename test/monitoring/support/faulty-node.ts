import { FaultyDisk } from '../../support/faulty-disk.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type MonitoredNode, monitoredNode } from './monitored-node.ts';

/** A node whose pool `disk` is on a disk that can fail. */
export async function nodeWithDisk({
  flags = [],
  ...size
}: {
  flags?: string[];
  inodes?: number;
  sizeBytes?: number;
} = {}): Promise<MonitoredNode & { readonly disk: FaultyDisk }> {
  const disk = new FaultyDisk(scratchDirectory(), size);
  return { disk, ...(await monitoredNode({ flags: [`--pool=disk=${disk.path}`, ...flags] })) };
}
