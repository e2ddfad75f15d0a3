import type { AnyAction } from './action.ts';
import { purge } from './purge.ts';
import { repair } from './repair/repair.ts';
import { restore } from './restore.ts';
import { trim } from './trim.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = { purge, repair, restore, trim };
