import type { AnyAction } from './action.ts';
import { adopt } from './adopt/adopt.ts';
import { adoptSnapshot } from './take-over/adopt-snapshot.ts';
import { findCandidates } from './take-over/find-candidates.ts';

/** All actions, by name. */
export const actions: Readonly<Record<string, AnyAction>> = {
  adopt,
  'adopt-snapshot': adoptSnapshot,
  'find-candidates': findCandidates,
};
