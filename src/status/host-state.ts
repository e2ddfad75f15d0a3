import { type AttachedLoop, listLoops } from '../kernel/devices/loop-list.ts';
import { type MountEntry, readMountinfo } from '../kernel/mounts/mountinfo.ts';

/** What is mounted and attached on this host, as this process sees it. */
export interface HostState {
  readonly mounts: readonly Pick<MountEntry, 'path' | 'root' | 'source'>[];
  readonly loops: readonly Pick<AttachedLoop, 'path' | 'backingPath' | 'isBackingRemoved'>[];
}

/** What is in both states: what came or went in between is not wrong. */
export function inBoth(one: HostState, other: HostState): HostState {
  const mounts = new Set(other.mounts.map(({ path, root }) => `${path}\n${root}`));
  const loops = new Set(other.loops.map(({ path, backingPath }) => `${path}\n${backingPath}`));
  return {
    mounts: one.mounts.filter(({ path, root }) => mounts.has(`${path}\n${root}`)),
    loops: one.loops.filter(({ path, backingPath }) => loops.has(`${path}\n${backingPath}`)),
  };
}

export function readHostState(): HostState {
  return { mounts: readMountinfo(), loops: listLoops() };
}
