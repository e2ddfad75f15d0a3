import { mountsContract } from '../../../contracts/mounts-contract.ts';
import { FakeMounts } from './fake-mounts.ts';

mountsContract('FakeMounts', async () => {
  const mounts = new FakeMounts();
  const { tree } = mounts;
  tree.makeDirectory('/work');
  return {
    mounts,
    directory: '/work',
    makeDirectory: async (path) => void tree.makeDirectory(path),
    makeFile: async (path, content) => tree.makeFile(path, content),
    makeSymlink: async (path, to) => tree.makeSymlink(path, to),
    async modeOf(path) {
      const entry = mounts.entryAt(path);
      return entry?.kind === 'directory' ? entry.status.mode : 0;
    },
    async occupy(path) {
      const { release } = mounts.occupy(path);
      return { release: async () => release() };
    },
  };
});
