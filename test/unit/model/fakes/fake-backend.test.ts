import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import { type BackendSubject, backendContract } from '../../../contracts/backend-contract.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeTree } from './fake-tree.ts';
import { blockContent, imageContent } from './requests.ts';

const contents: VolumeContent[] = [
  { backend: 'directory' },
  { backend: 'quota', projectId: 7 },
  { backend: 'subvolume', isLimited: true },
  { backend: 'subvolume', isLimited: false },
  blockContent,
  imageContent(),
];

for (const content of contents) {
  const isImage = content.backend === 'image';
  const name = `FakeBackend of ${JSON.stringify(content)}`;
  backendContract(name, async () => fakeSubject(content), { isImage });
}

function fakeSubject(content: VolumeContent): BackendSubject {
  const tree = new FakeTree('8:1');
  tree.makeDirectory('/work');
  const imageAt = (path: string) => {
    const entry = tree.find(path);
    return entry?.kind === 'file' ? entry.image : undefined;
  };
  return {
    backend: new FakeBackend(tree, content.backend),
    directory: '/work',
    owner: { uid: 1000, gid: 2000 },
    newContent: async () => content,
    makeDirectory: async (path) => void tree.makeDirectory(path),
    makeFile: async (path, text) => void tree.makeFile(path, text),
    makeSymlink: async (path, to) => tree.makeSymlink(path, to),
    exists: async (path) => tree.find(path) !== undefined,
    async readText(path) {
      const entry = tree.find(path);
      if (entry?.kind !== 'file') throw new Error(`${path} is no file`);
      return entry.content;
    },
    async statusOf(path) {
      const entry = tree.find(path);
      if (entry?.kind !== 'directory') throw new Error(`${path} is no directory`);
      return entry.status;
    },
    remove: async (path) => tree.remove(path),
    async truncate(path, bytes) {
      const image = imageAt(path);
      if (image) image.sizeBytes = bytes;
    },
    async restoreByHand(content) {
      tree.copy(content, `${content}.copy`);
      tree.remove(content);
      tree.move(`${content}.copy`, content);
    },
    sizeOf: async (path) => imageAt(path)?.sizeBytes ?? 0n,
    async write(path, bytes) {
      const image = imageAt(path);
      if (image) image.holds = 'unknown';
      else tree.makeFile(`${path}/written`, 'x'.repeat(bytes));
    },
  };
}
