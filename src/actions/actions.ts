import type { AnyAction } from './action.ts';
import { adopt } from './adopt/adopt.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = { adopt };
