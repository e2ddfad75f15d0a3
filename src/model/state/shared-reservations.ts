import { max } from '../../units/bigint.ts';
import type { Account } from '../objects/account.ts';

/**
 * The space that copies in progress share with their originals. Concurrent copies of one volume share the same
 * blocks, which are reserved only once.
 */
export class SharedReservations {
  private readonly held = new Map<string, readonly bigint[]>();
  private readonly releases = new Map<string, readonly (() => void)[]>();

  /** The bytes reserved for a volume now. */
  bytesOf(volumeId: string): bigint {
    return max(0n, ...(this.held.get(volumeId) ?? []));
  }

  /** Reserves as many of these bytes as are not reserved yet. @returns ends the claim */
  reserve(disk: Account, volumeId: string, bytes: bigint): () => void {
    this.change(disk, volumeId, (held) => [...held, bytes]);
    return () => this.change(disk, volumeId, (held) => without(held, bytes));
  }

  /** Keeps a claim until its object is in the index, or has failed. */
  keep(objectId: string, release: () => void): void {
    this.releases.set(objectId, [...(this.releases.get(objectId) ?? []), release]);
  }

  /** Ends the claims that were kept for an object. */
  end(objectId: string): void {
    const releases = this.releases.get(objectId) ?? [];
    this.releases.delete(objectId);
    for (const release of releases) release();
  }

  private change(disk: Account, volumeId: string, to: (held: readonly bigint[]) => readonly bigint[]): void {
    const before = this.bytesOf(volumeId);
    const held = to(this.held.get(volumeId) ?? []);
    if (held.length > 0) this.held.set(volumeId, held);
    else this.held.delete(volumeId);
    disk.reserve(this.bytesOf(volumeId) - before);
  }
}

function without(amounts: readonly bigint[], amount: bigint): readonly bigint[] {
  const index = amounts.indexOf(amount);
  return amounts.filter((_, each) => each !== index);
}
