import { mountsContract } from '../../../contracts/mounts-contract.ts';
import { FakeDevices } from './fake-devices.ts';
import { FakeFormatter } from './fake-formatter.ts';
import { FakeMounts } from './fake-mounts.ts';

mountsContract('FakeMounts', async () => {
  const mounts = new FakeMounts();
  const { tree } = mounts;
  tree.makeDirectory('/work');
  let lastImage = 0;
  return {
    paths: mounts,
    mounts,
    fileSystems: mounts,
    directory: '/work',
    makeDirectory: async (path) => void tree.makeDirectory(path),
    makeFile: async (path, content) => void tree.makeFile(path, content),
    makeSymlink: async (path, to) => tree.makeSymlink(path, to),
    async modeOf(path) {
      const entry = mounts.entryAt(path);
      return entry?.kind === 'directory' ? entry.status.mode : 0o600;
    },
    async occupy(path) {
      const { release } = mounts.occupy(path);
      return { release: async () => release() };
    },
    async mountDead(path) {
      mounts.mountForeign(path);
      mounts.fail(path, 'fails with ENOTCONN');
    },
    failFileSystem: async (path) => mounts.failFileSystem(path),
    async makeDevice(holds) {
      const path = `/images/${++lastImage}`;
      tree.makeImage(path, 320n * 1024n ** 2n);
      if (holds !== 'blank')
        await new FakeFormatter(mounts).format(path, {
          fsType: holds,
          root: { uid: 0, gid: 0, mode: 0o755 },
        });
      const device = await new FakeDevices(mounts).attach(path);
      const loop = mounts.loops.existing(device);
      return {
        device,
        async grow(bytes) {
          loop.image.sizeBytes = bytes;
          loop.sizeBytes = bytes;
        },
      };
    },
  };
});
