import { blockMapsContract } from '../../../contracts/block-maps-contract.ts';
import { FakeBlockMaps, FakeBlocks } from './fake-block-maps.ts';

blockMapsContract('FakeBlockMaps', async () => {
  const blockMaps = new FakeBlockMaps();
  const { images } = blockMaps;
  let lastImage = 0;
  const put = (blocks: FakeBlocks) => {
    const path = `/images/${++lastImage}`;
    images.set(path, blocks);
    return path;
  };
  return {
    blockMaps,
    makeImage: async (bytes) => put(new FakeBlocks(BigInt(bytes))),
    write: async (path, data, offset) => images.get(path)?.write(data, offset),
    grow: async (path, bytes) => images.get(path)?.grow(BigInt(bytes)),
    copy: async (path) => put((images.get(path) ?? new FakeBlocks(0n)).copy()),
    remove: async (path) => void images.delete(path),
  };
});
