import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { Disk, type DiskKind, diskKinds } from './disk.ts';
import { directoryOf, type Place } from './driver.ts';

const made = new WeakMap<Bench, Promise<ReadonlyMap<DiskKind, Disk>>>();

/** The file systems that copies are measured on. They are made when they are first asked for. */
function disksOf(bench: Bench): Promise<ReadonlyMap<DiskKind, Disk>> {
  const disks = made.get(bench) ?? makeDisks(bench);
  made.set(bench, disks);
  return disks;
}

async function makeDisks({ directory }: Bench): Promise<ReadonlyMap<DiskKind, Disk>> {
  const disks = new Map<DiskKind, Disk>();
  for (const kind of diskKinds) disks.set(kind, await Disk.make(kind, directory));
  return disks;
}

export async function diskOf(bench: Bench, kind: DiskKind): Promise<Disk> {
  const disk = (await disksOf(bench)).get(kind);
  if (!disk) throw new Error(`there is no disk of ${kind}`);
  return disk;
}

/** What a copy of a volume shares blocks with: the subvolume, the image, or the one file of a directory. */
export function sourceIn(place: Place, id: string): string {
  const directory = directoryOf(place, id);
  if (place.backend === 'image') return join(directory, 'image');
  return place.disk.kind === 'btrfs' ? join(directory, 'data') : join(directory, 'data', 'file');
}
