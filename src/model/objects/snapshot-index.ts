import { LineageCounts, ObjectIndex } from './object-index.ts';
import type { Snapshot } from './snapshot.ts';

/** The snapshots of all pools, including those in groups. */
export class SnapshotIndex extends ObjectIndex<Snapshot> {
  private readonly lineages = new LineageCounts();
  private readonly bySource = new Map<string, ObjectIndex<Snapshot>>();

  constructor() {
    super('snapshot');
  }

  override add(snapshot: Snapshot): void {
    super.add(snapshot);
    this.lineages.add(snapshot.lineage, 1);
    const ofSource = this.bySource.get(snapshot.sourceVolumeId) ?? new ObjectIndex<Snapshot>('snapshot');
    ofSource.add(snapshot);
    this.bySource.set(snapshot.sourceVolumeId, ofSource);
  }

  override remove(snapshot: Snapshot): boolean {
    if (!super.remove(snapshot)) return false;
    this.lineages.add(snapshot.lineage, -1);
    const ofSource = this.bySource.get(snapshot.sourceVolumeId);
    ofSource?.remove(snapshot);
    if (ofSource?.listAfter('', 1).length === 0) this.bySource.delete(snapshot.sourceVolumeId);
    return true;
  }

  countOfLineage(lineage: string): number {
    return this.lineages.get(lineage);
  }

  /** Up to `limit` snapshots of a volume, which need not exist any more, as in `listAfter`. */
  listOfSourceAfter(sourceVolumeId: string, position: string, limit: number): Snapshot[] {
    return this.bySource.get(sourceVolumeId)?.listAfter(position, limit) ?? [];
  }
}
