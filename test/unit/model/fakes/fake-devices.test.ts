import { devicesContract } from '../../../contracts/devices-contract.ts';
import { deviceOf, FakeDevices } from './fake-devices.ts';
import { FakeMounts } from './fake-mounts.ts';

devicesContract('FakeDevices', async () => {
  const mounts = new FakeMounts();
  let lastImage = 0;
  return {
    devices: new FakeDevices(mounts),
    async makeImage(bytes) {
      const path = `/images/${++lastImage}`;
      mounts.tree.makeImage(path, bytes);
      return path;
    },
    async growImage(path, bytes) {
      const entry = mounts.tree.find(path);
      if (entry?.kind === 'file' && entry.image) entry.image.sizeBytes = bytes;
    },
    removeImage: async (path) => mounts.tree.remove(path),
    sizeOf: async (device) => mounts.loops.existing(device).sizeBytes,
    async attachBefore(path) {
      const entry = mounts.tree.find(path);
      if (entry?.kind !== 'file') throw new Error('there is no such file');
      return deviceOf(mounts.loops.attach(path, entry));
    },
    async detachExternally(device) {
      mounts.loops.existing(device).isTemporary = true;
    },
    async open(device) {
      const loop = mounts.loops.existing(device);
      loop.userCount++;
      return {
        async release() {
          loop.userCount--;
          mounts.loops.releaseUnused();
        },
      };
    },
  };
});
