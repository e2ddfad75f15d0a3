import type { Volume } from '../../../../src/model/objects/volume.ts';
import type { VolumeNames } from '../../../../src/model/ports/ports.ts';

/** The VolumeNames port in memory: the ids of the volumes that have a name. */
export class FakeVolumeNames implements VolumeNames {
  readonly ids = new Set<string>();

  async add({ id, nameTemplate }: Volume): Promise<void> {
    if (nameTemplate !== undefined) this.ids.add(id);
  }

  async remove({ id }: Volume): Promise<void> {
    this.ids.delete(id);
  }

  async rebuild(volumes: () => readonly Volume[]): Promise<void> {
    this.ids.clear();
    for (const volume of volumes()) await this.add(volume);
  }
}
