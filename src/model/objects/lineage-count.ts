/** The number of objects in each lineage. */
export class LineageCount {
  private readonly counts = new Map<string, number>();

  of(lineage: string): number {
    return this.counts.get(lineage) ?? 0;
  }

  add(lineage: string, change: 1 | -1): void {
    const count = this.of(lineage) + change;
    if (count > 0) this.counts.set(lineage, count);
    else this.counts.delete(lineage);
  }
}
