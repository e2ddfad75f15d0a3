import { withPath } from '../../src/kernel/calls/path-handle.ts';
import { bindMount } from '../../src/kernel/mounts/bind-mount.ts';

/** Binds one path on another, both existing. @returns the mount's id */
export function bind(source: string, target: string, set = 0, clear = 0): Promise<number> {
  return withPath(source, (sourceFd) =>
    withPath(target, (targetFd) => bindMount(sourceFd, targetFd, set, clear)),
  );
}
