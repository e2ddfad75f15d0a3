import * as z from 'zod';
import { exclusive } from '../model/state/holds.ts';
import { restoreVolume } from '../model/volumes/restore-volume.ts';
import type { Action } from './action.ts';

// The longest that CSI and Kubernetes allow.
const name = z.string().min(1).max(128);
const claimName = z.string().min(1).max(253);

const input = z.strictObject({
  id: z.string().min(1),
  name: name.optional(),
  claim: z.strictObject({ namespace: claimName, name: claimName }).optional(),
});

/** Makes a retained or archived volume exist again. @returns its id */
export const restore: Action<z.infer<typeof input>, string> = {
  input,
  holds: ({ id }) => [exclusive('volume', id)],
  async run({ id, name, claim }, { model, held }) {
    const volume = await restoreVolume(model, held.exclusive('volume', id), { name, claim });
    return volume.id;
  },
};
