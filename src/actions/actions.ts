import type { AnyAction } from './action.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = {};
