import { performOperations } from '../files/file-operations.ts';
import { removeTree } from '../trees/remove-tree.ts';

/** What a worker can be asked to do, by name. Tasks block their thread. */
export const tasks = { performOperations, removeTree };

export type Tasks = typeof tasks;
