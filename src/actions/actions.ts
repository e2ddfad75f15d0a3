import type { AnyAction } from './action.ts';
import { receive } from './moving/receive.ts';
import { send } from './moving/send.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = { receive, send };
