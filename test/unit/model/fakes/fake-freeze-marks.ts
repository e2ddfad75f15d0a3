import type { FreezeMarks } from '../../../../src/model/ports/ports.ts';

/** The FreezeMarks port in memory. */
export class FakeFreezeMarks implements FreezeMarks {
  readonly marked = new Set<string>();

  async add(volumeIds: readonly string[]): Promise<readonly string[]> {
    const before = volumeIds.filter((id) => this.marked.has(id));
    for (const id of volumeIds) this.marked.add(id);
    return before;
  }

  async remove(volumeIds: readonly string[]): Promise<void> {
    for (const id of volumeIds) this.marked.delete(id);
  }

  async has(volumeId: string): Promise<boolean> {
    return this.marked.has(volumeId);
  }
}
