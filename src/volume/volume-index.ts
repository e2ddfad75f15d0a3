import { LineageCount } from './lineage-count.ts';
import { ObjectIndex } from './object-index.ts';
import type { Volume } from './volume.ts';

/** The volumes of all pools. */
export class VolumeIndex extends ObjectIndex<Volume> {
  private readonly lineages = new LineageCount();

  constructor() {
    super('volume');
  }

  override add(volume: Volume): void {
    super.add(volume);
    this.lineages.add(volume.sharing.lineage, 1);
  }

  override remove(volume: Volume): boolean {
    const isRemoved = super.remove(volume);
    if (isRemoved) this.lineages.add(volume.sharing.lineage, -1);
    return isRemoved;
  }

  countOfLineage(lineage: string): number {
    return this.lineages.of(lineage);
  }
}
