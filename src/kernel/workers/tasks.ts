import { fileSystemState } from '../file-systems/file-system-state.ts';
import { fileSystemOn } from '../file-systems/superblock.ts';
import { mountRefusalReason } from '../file-systems/superblock-settings.ts';
import { copyFile } from '../files/copy-file.ts';
import { performOperations } from '../files/file-operations.ts';
import { copyTree } from '../trees/copy-tree.ts';
import { gatherProject } from '../trees/gather-project.ts';
import { labelTree } from '../trees/label-tree.ts';
import { removeTree } from '../trees/remove-tree.ts';
import { treeBytes } from '../trees/tree-bytes.ts';

/** What a worker can be asked to do, by name. Tasks block their thread; the last argument of some is a `CopyControl`. */
export const tasks = {
  performOperations,
  removeTree,
  copyTree,
  copyFile,
  treeBytes,
  gatherProject,
  labelTree,
  fileSystemOn,
  fileSystemState,
  mountRefusalReason,
};

export type Tasks = typeof tasks;
