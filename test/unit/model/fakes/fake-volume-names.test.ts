import { namesContract } from '../../../contracts/names-contract.ts';
import { FakeVolumeNames } from './fake-volume-names.ts';

namesContract('FakeVolumeNames', async () => {
  const names = new FakeVolumeNames();
  return { names, namedIds: async () => [...names.ids] };
});
