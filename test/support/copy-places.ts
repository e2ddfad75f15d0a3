import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { btrfs } from './btrfs.ts';
import { mountedImage } from './disk-image.ts';
import { isHostRoot } from './host-root.ts';
import { scratchDirectory } from './scratch.ts';

/** Where a copy is made, and whether blocks are shared. */
export interface CopyPlace {
  readonly name: string;
  readonly outcome: 'shared' | 'copied';
  /** Makes both ends for one test. @returns two new directories */
  readonly make: () => { source: string; target: string };
}

const xfs = () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-K', '-m', 'reflink=1'] });
const xfsWithout = () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-K', '-m', 'reflink=0'] });
const ext4 = () => mountedImage({ mkfs: ['mkfs.ext4', '-q'] });

const onDisks: CopyPlace[] = [
  { name: 'XFS', outcome: 'shared', make: () => within(xfs()) },
  { name: 'XFS that shares nothing', outcome: 'copied', make: () => within(xfsWithout()) },
  { name: 'btrfs', outcome: 'shared', make: () => within(btrfs()) },
  { name: 'ext4', outcome: 'copied', make: () => within(ext4()) },
  { name: 'ext4 to XFS', outcome: 'copied', make: () => ends(ext4(), xfs()) },
  { name: 'XFS to btrfs', outcome: 'copied', make: () => ends(xfs(), btrfs()) },
  { name: 'one XFS to another', outcome: 'copied', make: () => ends(xfs(), xfs()) },
];

/** The places on this machine: without root of the host, only the disk of the tests. */
export const copyPlaces: CopyPlace[] = isHostRoot ? onDisks : [];

/** The same for tests that do not depend on the place. */
export function sourceAndTarget(): { source: string; target: string } {
  return within(scratchDirectory());
}

function within(directory: string): { source: string; target: string } {
  return ends(directory, directory);
}

function ends(sourceParent: string, targetParent: string): { source: string; target: string } {
  const source = join(sourceParent, 'source');
  const target = join(targetParent, 'target');
  mkdirSync(source);
  mkdirSync(target);
  return { source, target };
}
