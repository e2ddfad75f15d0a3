import type { GatheredProject, GatherOptions } from '../trees/gather-project.ts';
import { type CopyTaskControl, taskControl } from './copy-task-control.ts';
import { runTask } from './workers.ts';

// Each of these is the function of the same name in `trees/`, as a task, and throws as it does, or the signal's reason.

export function removeTree(path: string): Promise<void> {
  return runTask('removeTree', [path]);
}

export function copyTree(source: string, target: string, control: CopyTaskControl): Promise<void> {
  return runTask('copyTree', [source, target], taskControl(control));
}

export function treeBytes(path: string, signal: AbortSignal): Promise<bigint> {
  return runTask('treeBytes', [path], { signal });
}

export function labelTree(path: string, label: string): Promise<boolean> {
  return runTask('labelTree', [path, label]);
}

export function gatherProject(
  path: string,
  options: GatherOptions,
  signal: AbortSignal,
): Promise<GatheredProject> {
  return runTask('gatherProject', [path, options], { signal });
}
