import type { LocalRoot } from '../kernel/calls/local-roots.ts';
import { startLookupsAt, stopLookupsAt } from '../kernel/file-systems/local-lookups.ts';
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

/**
 * Makes lookups of paths start at the directories where volumes are mounted, as far as they exist on local file systems: most
 * then need no other thread.
 * @returns a function that ends that
 */
export async function startLookups(directories: readonly string[]): Promise<() => void> {
  const roots: LocalRoot[] = [];
  for (const path of new Set(['/', ...directories])) {
    const root = await startLookupsAt(path).catch(() => undefined);
    if (root) roots.push(root);
  }
  return () => roots.forEach(stopLookupsAt);
}
