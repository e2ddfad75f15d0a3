import { execFileSync } from 'node:child_process';
import { btrfs } from './btrfs.ts';
import { mountedImage } from './disk-image.ts';
import { isHostRoot } from './host-root.ts';
import { scratchDirectory } from './scratch.ts';

/** A file system that can store images. */
export interface ImagePlace {
  readonly name: string;
  /** Whether copies share their blocks, and shared blocks can be identified. */
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

/** The places on this machine; without root of the host no disks can be mounted. */
export const imagePlaces: readonly ImagePlace[] = isHostRoot ? [...onDisks, inMemory] : [inMemory];
