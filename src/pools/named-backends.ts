import { isSourceError } from '../kernel/files/copy-source.ts';
import type { SizedContent } from '../model/objects/encryption.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { Pool } from '../model/ports/pool.ts';
import type {
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  FreezeMarks,
  NewContent,
  OccupiedBytes,
  Recount,
  RecountControl,
  RestoreOptions,
  StoredContent,
  VolumeUsage,
} from '../model/ports/ports.ts';
import { storageError, withStorageErrors } from '../records/storage-error.ts';

/** The backends of a pool; errors of its disk name the pool. */
export function namedBackends(backends: Pool['backends'], pool: string): Pool['backends'] {
  const named = (backend: Backend) => new NamedBackend(backend, pool);
  return {
    directory: named(backends.directory),
    quota: named(backends.quota),
    subvolume: named(backends.subvolume),
    image: named(backends.image),
  };
}

/** The same for the freeze marks of volumes. */
export function namedFreezeMarks(marks: FreezeMarks, pool: string): FreezeMarks {
  return {
    add: (ids) => withStorageErrors(pool, () => marks.add(ids)),
    remove: (ids) => withStorageErrors(pool, () => marks.remove(ids)),
    has: (id) => withStorageErrors(pool, () => marks.has(id)),
  };
}

class NamedBackend implements Backend {
  private readonly backend: Backend;
  private readonly pool: string;

  constructor(backend: Backend, pool: string) {
    this.backend = backend;
    this.pool = pool;
  }

  contentOf(directory: string): string {
    return this.backend.contentOf(directory);
  }

  emptyContent(volume: Volume): NewContent {
    const content = this.backend.emptyContent(volume);
    if (typeof content !== 'function') return content;
    return (directory) => withStorageErrors(this.pool, () => content(directory));
  }

  provisionCopy(directory: string, volume: Volume, source: CopySource, control: CopyControl): Promise<void> {
    return this.copying(source, () => this.backend.provisionCopy(directory, volume, source, control));
  }

  charge(path: string, volume: Volume, signal: AbortSignal): Promise<void> {
    return withStorageErrors(this.pool, () => this.backend.charge(path, volume, signal));
  }

  snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    return this.copying(source, () => this.backend.snapshot(directory, source, control));
  }

  destroy(directory: string, volume?: Volume): Promise<void> {
    return withStorageErrors(this.pool, () => this.backend.destroy(directory, volume));
  }

  applyLimits(directory: string, volume: Volume): Promise<void> {
    return withStorageErrors(this.pool, () => this.backend.applyLimits(directory, volume));
  }

  restoreLimits(directory: string, volume: Volume, how?: RestoreOptions): Promise<boolean> {
    return withStorageErrors(this.pool, () => this.backend.restoreLimits(directory, volume, how));
  }

  undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    return withStorageErrors(this.pool, () => this.backend.undoGrowth(directory, volume));
  }

  recount(directory: string, volume: Volume, control: RecountControl): Promise<Recount | undefined> {
    return withStorageErrors(this.pool, () => this.backend.recount(directory, volume, control));
  }

  faultsOf(directory: string, volume: Volume): Promise<readonly ContentFault[]> {
    return withStorageErrors(this.pool, () => this.backend.faultsOf(directory, volume));
  }

  originalIn(directory: string): Promise<StoredContent> {
    return withStorageErrors(this.pool, () => this.backend.originalIn(directory));
  }

  usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined> {
    return withStorageErrors(this.pool, () => this.backend.usage(directory, volume));
  }

  occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes> {
    return withStorageErrors(this.pool, () => this.backend.occupiedBytes(directory, volume));
  }

  lossOf(directory: string, volume: SizedContent): Promise<ContentLoss | undefined> {
    return withStorageErrors(this.pool, () => this.backend.lossOf(directory, volume));
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return withStorageErrors(this.pool, () => this.backend.copyBytes(path, signal));
  }

  /** The original may be in another pool, on another disk. */
  private async copying(source: CopySource, copy: () => Promise<void>): Promise<void> {
    const original = 'write' in source ? source.base : source;
    try {
      await copy();
    } catch (error) {
      throw storageError(error, original && isSourceError(error) ? original.pool : this.pool);
    }
  }
}
