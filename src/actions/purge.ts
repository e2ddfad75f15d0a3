import * as z from 'zod';
import { exclusive } from '../model/state/holds.ts';
import { purgeVolume } from '../model/volumes/purge-volume.ts';
import type { Action } from './action.ts';

const input = z.strictObject({ id: z.string().min(1) });

/** Removes a retained or archived volume for good. @returns whether there was one */
export const purge: Action<z.infer<typeof input>, boolean> = {
  input,
  holds: ({ id }) => [exclusive('volume', id)],
  async run({ id }, { model, held }) {
    return (await purgeVolume(model, held.exclusive('volume', id))) !== undefined;
  },
};
