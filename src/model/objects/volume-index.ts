import { LineageCounts, ObjectIndex } from './object-index.ts';
import type { Volume } from './volume.ts';

/** The volumes of all pools. */
export class VolumeIndex extends ObjectIndex<Volume> {
  private readonly lineages = new LineageCounts();
  private readonly attached = new Set<string>();

  constructor() {
    super('volume');
  }

  override add(volume: Volume): void {
    super.add(volume);
    this.lineages.add(volume.sharing.lineage, 1);
    this.countAttached(volume);
  }

  override replace(volume: Volume): void {
    super.replace(volume);
    this.countAttached(volume);
  }

  override remove(volume: Volume): boolean {
    const isRemoved = super.remove(volume);
    if (isRemoved) this.lineages.add(volume.sharing.lineage, -1);
    this.attached.delete(volume.id);
    return isRemoved;
  }

  countOfLineage(lineage: string): number {
    return this.lineages.get(lineage);
  }

  /** How many volumes the controller has published. */
  get attachedCount(): number {
    return this.attached.size;
  }

  private countAttached({ id, attachment }: Volume): void {
    if (attachment) this.attached.add(id);
    else this.attached.delete(id);
  }
}
