import { posix } from 'node:path';
import { quote, VolumeError } from '../../../../src/model/errors.ts';
import {
  type BackendKind,
  isBlock,
  isCapacityEnforced,
  type Volume,
} from '../../../../src/model/objects/volume.ts';
import type {
  ArrivingContent,
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  NewContent,
  OccupiedBytes,
  Recount,
  RecountControl,
  RestoreOptions,
  StoredContent,
  VolumeUsage,
} from '../../../../src/model/ports/ports.ts';
import { checkFits } from '../../../../src/model/requests/capacity.ts';
import { bytesIn, type FakeEntry, type FakeTree, isEmpty, makeDirectoryEntry } from './fake-tree.ts';
import { systemError } from './system-error.ts';

/** The Backend port in memory, for directories of every kind and for images. */
export class FakeBackend implements Backend {
  /** The limits of the volumes that have one, by id. */
  readonly limits = new Map<string, bigint>();
  /** The inode limits of the volumes with a quota, by id; undefined for the default for their size. */
  readonly inodeLimits = new Map<string, bigint | undefined>();
  /** Whether limits that were set are enforced. */
  areLimitsInForce = true;
  /** The content that this backend has made and can limit; content copied by hand is not in it. */
  private readonly limitable = new WeakSet<FakeEntry>();
  /** The result of looking at each file of a volume, by id; nothing for volumes without an entry. */
  readonly recounts = new Map<string, (control: RecountControl) => Recount>();
  /** The volumes whose files were all looked at, in order. */
  readonly recounted: string[] = [];
  private readonly tree: FakeTree;
  private readonly kind: BackendKind;

  constructor(tree: FakeTree, kind: BackendKind = 'directory') {
    this.tree = tree;
    this.kind = kind;
  }

  contentOf(directory: string): string {
    return posix.join(directory, this.kind === 'image' ? 'image' : 'data');
  }

  emptyContent(volume: Volume): NewContent {
    return (directory) => this.provision(directory, volume);
  }

  private async provision(directory: string, volume: Volume): Promise<void> {
    const wrapper = this.tree.find(directory);
    if (wrapper?.kind !== 'directory') throw systemError('ENOENT');
    if (this.kind === 'image') this.tree.makeImage(this.contentOf(directory), volume.capacityBytes);
    else wrapper.entries.set('data', makeDirectoryEntry(volume.root));
    this.makeLimitable(directory);
    this.limit(volume);
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    source: CopySource,
    control: CopyControl,
  ): Promise<void> {
    await this.snapshot(directory, source, control);
    await this.applyLimits(directory, volume);
  }

  async charge(path: string, volume: Volume, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const entry = this.tree.find(path);
    if (!entry) throw systemError('ENOENT');
    checkFits(bytesIn(entry), volume.capacityBytes);
    this.limitable.add(entry);
  }

  async snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    control.signal.throwIfAborted();
    if (this.tree.find(directory)?.kind !== 'directory') throw systemError('ENOENT');
    const path = this.contentOf(directory);
    if ('write' in source) await this.makeArriving(directory, source, control);
    else this.tree.copy(source.path, path);
    this.makeLimitable(directory);
    if (!('write' in source)) control.onBytes(bytesIn(this.tree.find(source.path)));
  }

  private async makeArriving(
    directory: string,
    { base, sizeBytes, write }: ArrivingContent,
    control: CopyControl,
  ): Promise<void> {
    const path = this.contentOf(directory);
    if (base) this.tree.copy(base.path, path);
    else if (this.kind === 'image') this.tree.makeImage(path, sizeBytes);
    else this.tree.makeDirectory(path);
    await write(path, control);
  }

  async destroy(directory: string, volume?: Volume): Promise<void> {
    this.tree.remove(directory);
    if (volume) this.limits.delete(volume.id);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    const { capacityBytes } = volume;
    const content = this.tree.find(this.contentOf(directory));
    if (!content) throw systemError('ENOENT');
    const image = content.kind === 'file' ? content.image : undefined;
    if (image && image.sizeBytes < capacityBytes) image.sizeBytes = capacityBytes;
    if (image || this.isLimitable(directory)) this.limit(volume);
  }

  async restoreLimits(directory: string, volume: Volume, how?: RestoreOptions): Promise<boolean> {
    if (this.kind === 'image' || !isCapacityEnforced(volume.content) || !this.areLimitsInForce) return false;
    const entry = this.tree.find(this.contentOf(directory));
    if (!entry) throw systemError('ENOENT');
    const isAdopted = this.kind === 'quota' && !this.limitable.has(entry) && isEmpty(entry);
    if (isAdopted) this.limitable.add(entry);
    if (!this.limitable.has(entry)) return false;
    const isRight =
      this.limits.get(volume.id) === volume.capacityBytes &&
      this.inodeLimits.get(volume.id) === volume.mutable.inodeLimit;
    if (!how?.isDryRun) this.limit(volume);
    return isAdopted || !isRight;
  }

  async recount(_directory: string, { id }: Volume, control: RecountControl): Promise<Recount | undefined> {
    if (this.kind !== 'quota') return undefined;
    this.recounted.push(id);
    control.signal.throwIfAborted();
    return this.recounts.get(id)?.(control) ?? { reclaimed: new Map(), failures: 0, unaccounted: 0 };
  }

  async faultsOf(directory: string, { id, content }: Volume): Promise<ContentFault[]> {
    if (this.kind === 'image' || !isCapacityEnforced(content)) return [];
    if (!this.areLimitsInForce) return [{ kind: 'not-held', message: notInForce(id) }];
    const message = `nothing holds volume ${quote(id)} to its size: it was restored by hand`;
    return this.isLimitable(directory) ? [] : [{ kind: 'not-held', message }];
  }

  async originalIn(directory: string): Promise<StoredContent> {
    const isAsMade = this.kind === 'image' || this.isLimitable(directory);
    return { backend: isAsMade ? this.kind : 'directory', path: this.contentOf(directory) };
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    const { capacityBytes } = volume;
    const content = this.tree.find(this.contentOf(directory));
    const image = content?.kind === 'file' ? content.image : undefined;
    if (image && image.sizeBytes > capacityBytes) {
      const { holds } = image;
      const fileSystemBytes = holds === 'blank' || holds === 'unknown' ? 0n : holds.sizeBytes;
      if (fileSystemBytes > capacityBytes) return image.sizeBytes;
      image.sizeBytes = capacityBytes;
    }
    this.limit(volume);
    return capacityBytes;
  }

  async usage(directory: string, { id, content }: Volume): Promise<VolumeUsage | undefined> {
    const total = this.limits.get(id);
    if (total === undefined || (content.backend === 'image' && !isBlock(content))) return undefined;
    if (!this.areLimitsInForce && content.backend !== 'image')
      throw new VolumeError('precondition', notInForce(id));
    if (content.backend !== 'image' && !this.isLimitable(directory)) return undefined;
    const used = bytesIn(this.tree.find(this.contentOf(directory)));
    return { bytes: { total, used, available: total - used }, inodes: undefined };
  }

  async occupiedBytes(directory: string, { content }: Volume): Promise<OccupiedBytes> {
    const isHeld = isCapacityEnforced(content) && (this.kind === 'image' || this.isLimitable(directory));
    const total = isHeld ? bytesIn(this.tree.find(this.contentOf(directory))) : 0n;
    return { total, exclusive: isHeld ? undefined : 0n };
  }

  async lossOf(
    directory: string,
    { capacityBytes }: Pick<Volume, 'capacityBytes'>,
  ): Promise<ContentLoss | undefined> {
    const entry = this.tree.find(this.contentOf(directory));
    if (this.kind !== 'image') return entry?.kind === 'directory' ? undefined : { kind: 'missing' };
    const image = entry?.kind === 'file' ? entry.image : undefined;
    if (!image) return { kind: 'missing' };
    return image.sizeBytes < capacityBytes ? { kind: 'truncated', sizeBytes: image.sizeBytes } : undefined;
  }

  async copyBytes(path: string): Promise<bigint> {
    return bytesIn(this.tree.find(path));
  }

  private makeLimitable(directory: string): void {
    const entry = this.tree.find(this.contentOf(directory));
    if (entry) this.limitable.add(entry);
  }

  private isLimitable(directory: string): boolean {
    const entry = this.tree.find(this.contentOf(directory));
    return entry !== undefined && this.limitable.has(entry);
  }

  private limit({ id, content, capacityBytes, mutable }: Volume): void {
    if (isCapacityEnforced(content)) this.limits.set(id, capacityBytes);
    if (this.kind === 'quota') this.inodeLimits.set(id, mutable.inodeLimit);
  }
}

function notInForce(id: string): string {
  return `volume ${quote(id)} has a limit, but it is not in force now`;
}
