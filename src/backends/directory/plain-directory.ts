import { removeTree } from '../../kernel/workers/tree-tasks.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type {
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  NewContent,
  OccupiedBytes,
  StoredContent,
} from '../../model/ports/ports.ts';
import { originalData } from '../btrfs/data-kind.ts';
import { copyDirectory, directoryBytes } from '../copy-directory.ts';
import { DATA, dataOf, lossOfData } from '../volume-root.ts';

/**
 * Volumes as plain directories on the pool's file system. Works everywhere, but enforces no size limit; a volume's
 * context says so.
 */
export class PlainDirectory implements Backend {
  contentOf(directory: string): string {
    return dataOf(directory);
  }

  emptyContent({ root }: Volume): NewContent {
    return { name: DATA, root };
  }

  async provisionCopy(
    directory: string,
    _volume: Volume,
    source: CopySource,
    control: CopyControl,
  ): Promise<void> {
    await this.snapshot(directory, source, control);
  }

  /** Nothing is counted. */
  async charge(): Promise<void> {}

  async snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    await copyDirectory(source, dataOf(directory), control);
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }

  /** Nothing to enforce: only the record holds the volume's size. */
  async applyLimits(): Promise<void> {}

  async restoreLimits(): Promise<boolean> {
    return false;
  }

  async recount(): Promise<undefined> {
    return undefined;
  }

  async faultsOf(): Promise<ContentFault[]> {
    return [];
  }

  originalIn(directory: string): Promise<StoredContent> {
    return originalData(directory);
  }

  async undoGrowth(_directory: string, { capacityBytes }: Volume): Promise<bigint> {
    return capacityBytes;
  }

  async usage(): Promise<undefined> {
    return undefined;
  }

  /** Without an enforced limit no space is reserved for the volume, so its usage is not needed. */
  async occupiedBytes(): Promise<OccupiedBytes> {
    return { total: 0n, exclusive: 0n };
  }

  lossOf(directory: string): Promise<ContentLoss | undefined> {
    return lossOfData(directory);
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return directoryBytes(path, signal);
  }
}
