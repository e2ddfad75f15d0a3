import type { FreezeMarks } from '../../../../src/volume/ports.ts';

/** The FreezeMarks port in memory. */
export class FakeFreezeMarks implements FreezeMarks {
  readonly marked = new Set<string>();

  async add(volumeIds: readonly string[]): Promise<void> {
    for (const id of volumeIds) this.marked.add(id);
  }

  async remove(volumeIds: readonly string[]): Promise<void> {
    for (const id of volumeIds) this.marked.delete(id);
  }
}
