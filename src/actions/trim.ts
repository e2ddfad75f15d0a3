import * as z from 'zod';
import { VolumeError } from '../model/errors.ts';
import { existingVolume } from '../model/find/find-object.ts';
import { mountedImageUse, type Volume } from '../model/objects/volume.ts';
import type { Parts } from '../model/parts.ts';
import { shared } from '../model/state/holds.ts';
import { trimVolume } from '../model/volumes/trim-volume.ts';
import type { Action } from './action.ts';

const input = z.strictObject({
  /** Undefined for all. */
  volumeId: z.string().min(1).optional(),
});

/** What was returned to the pool for one volume. */
export interface TrimReport {
  readonly volumeId: string;
  /** Undefined if it was not trimmed. */
  readonly freedBytes?: number;
  /** Why it was not trimmed. */
  readonly reason?: string;
}

const reasons = {
  'not mounted': 'it is not mounted, or has no file system of its own',
  thick: 'all its space is to stay allocated (provisioning: thick)',
  'discards denied': 'it is encrypted, and its class denies discards (encryptionDiscards)',
  unsupported: 'the disk of its pool cannot free parts of a file',
} as const;

/** Returns the space of deleted data in images to their pools, one volume after the other. */
export const trim: Action<z.infer<typeof input>, readonly TrimReport[]> = {
  input,
  async run({ volumeId }, { model, signal, tell }) {
    const { catalogue } = model;
    if (volumeId !== undefined) return [await trimOne(model, await existingVolume(catalogue, volumeId))];
    const reports: TrimReport[] = [];
    for (const volume of catalogue.volumes.all()) {
      if (mountedImageUse(volume.content) === undefined) continue;
      signal.throwIfAborted();
      tell(volume.id);
      const report = await trimOne(model, volume);
      if (report.reason !== reasons['not mounted']) reports.push(report);
    }
    return reports;
  },
};

async function trimOne(model: Parts, { id }: Volume): Promise<TrimReport> {
  try {
    const held = model.holds.hold([shared('volume', id)]);
    const outcome = await existingVolume(model.catalogue, id)
      .then((volume) => trimVolume(model, volume))
      .finally(() => held.release());
    return outcome.kind === 'trimmed'
      ? { volumeId: id, freedBytes: Number(outcome.bytes) }
      : { volumeId: id, reason: reasons[outcome.kind] };
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    return { volumeId: id, reason: error.message };
  }
}
