import { execFileSync } from 'node:child_process';
import { btrfs } from './btrfs.ts';
import { mountedImage } from './disk-image.ts';
import { isHostRoot } from './host-root.ts';
import { scratchDirectory } from './scratch.ts';

/** A file system that images can lie on. */
export interface ImagePlace {
  readonly name: string;
  /** Whether copies share their blocks, and it tells which. */
  readonly tellsShared: boolean;
  /** Makes it for one test. @returns where it is mounted */
  readonly make: () => string;
}

const onDisks: ImagePlace[] = [
  {
    name: 'XFS',
    tellsShared: true,
    make: () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'] }),
  },
  {
    name: 'XFS with small blocks',
    tellsShared: true,
    make: () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1', '-b', 'size=1024'] }),
  },
  { name: 'btrfs', tellsShared: true, make: () => btrfs() },
  {
    name: 'btrfs that compresses',
    tellsShared: false,
    make: () => mountedImage({ mkfs: ['mkfs.btrfs', '--quiet'], mountOptions: 'compress-force=zstd' }),
  },
  { name: 'ext4', tellsShared: false, make: () => mountedImage({ mkfs: ['mkfs.ext4', '-q'] }) },
];

const inMemory: ImagePlace = {
  name: 'tmpfs',
  tellsShared: false,
  make() {
    const directory = scratchDirectory();
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]);
    return directory;
  },
};

/** The places that this machine has; who is not root of the host can mount no disks. */
export const imagePlaces: readonly ImagePlace[] = isHostRoot ? [...onDisks, inMemory] : [inMemory];
