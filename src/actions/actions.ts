import type { AnyAction } from './action.ts';
import { repair } from './repair/repair.ts';
import { trim } from './trim.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = { repair, trim };
