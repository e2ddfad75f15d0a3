import { beforeEach, describe, expect, test } from 'vitest';
import { newObjectId } from '../../src/model/objects/object-id.ts';
import type { VolumeNames } from '../../src/model/ports/ports.ts';
import { exampleVolume } from '../unit/model/fakes/model.ts';

/** An implementation of VolumeNames for an empty pool, and a look behind it. */
export interface NamesSubject {
  readonly names: VolumeNames;
  /** The ids of the volumes that have names, in any order. */
  namedIds(): Promise<string[]>;
}

/** What every implementation of the VolumeNames port must do. */
export function namesContract(name: string, makeSubject: () => Promise<NamesSubject>): void {
  describe(`${name} fulfils the VolumeNames contract`, () => {
    let subject: NamesSubject;

    beforeEach(async () => {
      subject = await makeSubject();
    });

    const volumeOf = (each: string) =>
      exampleVolume({ id: newObjectId(each, 'aaaaaaaa'), name: each, nameTemplate: '${pv.name}' });
    const namedIds = async () => (await subject.namedIds()).sort();
    const idsOf = (...volumes: { readonly id: string }[]) => volumes.map(({ id }) => id).sort();

    test('a volume with a template has a name until it is removed, and repeated calls change nothing', async () => {
      const [one, other] = [volumeOf('one'), volumeOf('other')];
      for (const volume of [one, one, other]) await subject.names.add(volume);
      expect(await namedIds()).toEqual(idsOf(one, other));
      for (const volume of [one, one]) await subject.names.remove(volume);
      expect(await namedIds()).toEqual(idsOf(other));
    });

    test('a volume without a template has none', async () => {
      await subject.names.add({ ...volumeOf('one'), nameTemplate: undefined });
      expect(await namedIds()).toEqual([]);
    });

    test('a rebuild names the volumes that there are when it begins, and no others', async () => {
      const [kept, gone, late] = [volumeOf('kept'), volumeOf('gone'), volumeOf('late')];
      const volumes = [kept];
      for (const volume of [kept, gone]) await subject.names.add(volume);
      volumes.push(late);
      await subject.names.rebuild(() => volumes);
      expect(await namedIds()).toEqual(idsOf(kept, late));
    });
  });
}
