import { bindMount } from '../../src/kernel/bind-mount.ts';
import { withPath } from '../../src/kernel/path-handle.ts';

/** Binds one path on another, both existing. @returns the mount's id */
export function bind(source: string, target: string, set = 0, clear = 0): Promise<number> {
  return withPath(source, (sourceFd) =>
    withPath(target, (targetFd) => bindMount(sourceFd, targetFd, set, clear)),
  );
}
