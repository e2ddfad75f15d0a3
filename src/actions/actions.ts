import type { AnyAction } from './action.ts';
import { purge } from './purge.ts';
import { restore } from './restore.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = { purge, restore };
