import { KernelFileSystems } from './kernel-file-systems.ts';
import { KernelMounts } from './kernel-mounts.ts';
import { KernelPaths } from './kernel-paths.ts';
import { PathProbes } from './path-probes.ts';

/** The ports for paths, mounts and file systems. An unmount by one waits until the others have stopped looking there. */
export function kernelPorts() {
  const probes = new PathProbes();
  return {
    paths: new KernelPaths(probes),
    mounts: new KernelMounts(probes),
    fileSystems: new KernelFileSystems(probes),
  };
}
