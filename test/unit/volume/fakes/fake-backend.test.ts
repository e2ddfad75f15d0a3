import { backendContract } from '../../../contracts/backend-contract.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeTree } from './fake-tree.ts';

backendContract('FakeBackend', async () => {
  const tree = new FakeTree('8:1');
  tree.makeDirectory('/work');
  return {
    backend: new FakeBackend(tree),
    directory: '/work',
    owner: { uid: 1000, gid: 2000 },
    makeDirectory: async (path) => void tree.makeDirectory(path),
    makeFile: async (path, content) => tree.makeFile(path, content),
    makeSymlink: async (path, to) => tree.makeSymlink(path, to),
    exists: async (path) => tree.find(path) !== undefined,
    async statusOf(path) {
      const entry = tree.find(path);
      if (entry?.kind !== 'directory') throw new Error(`${path} is no directory`);
      return entry.status;
    },
  };
});
