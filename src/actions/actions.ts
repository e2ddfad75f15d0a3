import type { AnyAction } from './action.ts';
import { adopt } from './adopt/adopt.ts';
import { receive } from './moving/receive.ts';
import { send } from './moving/send.ts';
import { purge } from './purge.ts';
import { rekey } from './rekey.ts';
import { repair } from './repair/repair.ts';
import { restore } from './restore.ts';
import { adoptSnapshot } from './take-over/adopt-snapshot.ts';
import { findCandidates } from './take-over/find-candidates.ts';
import { trim } from './trim.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = {
  adopt,
  'adopt-snapshot': adoptSnapshot,
  'find-candidates': findCandidates,
  purge,
  receive,
  rekey,
  repair,
  restore,
  send,
  trim,
};
