import * as z from 'zod';
import { VolumeError } from '../model/errors.ts';
import { existingVolume } from '../model/find/find-object.ts';
import { MAX_KEY_BYTES } from '../model/ports/devices-port.ts';
import { exclusive } from '../model/state/holds.ts';
import { rekeyVolume } from '../model/volumes/rekey-volume.ts';
import type { Action } from './action.ts';

const input = z.strictObject({ id: z.string().min(1) });

const key = z
  .base64()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine(({ length }) => length > 0 && length <= MAX_KEY_BYTES, `must have 1 to ${MAX_KEY_BYTES} bytes`);

/** What the client sends: it must not be in the input, which is logged. */
const keys = z.strictObject({ oldKey: key, newKey: key });

// Both keys in base64, and their names.
const BODY_BYTES = 4 * MAX_KEY_BYTES;

/** Replaces the key of an encrypted volume. */
export const rekey: Action<z.infer<typeof input>, null> = {
  input,
  holds: ({ id }) => [exclusive('volume', id)],
  async run({ id }, { model, held, body }) {
    const change = parseKeys(await textOf(body));
    const volume = await existingVolume(model.catalogue, id);
    await rekeyVolume(model, held.volume(volume), change);
    return null;
  },
};

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > BODY_BYTES) throw new VolumeError('invalid', 'the keys are too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseKeys(text: string): z.infer<typeof keys> {
  // Only the names of wrong fields are shown, and no text of the parser, which may have a key.
  const parsed = keys.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'keys'}: ${message}`);
  throw new VolumeError('invalid', wrong.join('; '));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
