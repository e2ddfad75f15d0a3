import { readKey } from '../kernel/files/read-key.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { MAX_KEY_BYTES } from '../model/ports/devices-port.ts';

/**
 * Reads the key of this node from a file, each time anew.
 * @param path undefined if the node has no key
 * @returns a function that throws VolumeError precondition if the file cannot be read, or is no key
 */
export function nodeKeyIn(path: string | undefined): () => Promise<Buffer | undefined> {
  return async () => {
    if (path === undefined) return undefined;
    const key = await readKey(path, MAX_KEY_BYTES).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new VolumeError('precondition', `--encryption-key-file cannot be read: ${why}`, { cause });
    });
    if (key.length > 0 && key.length <= MAX_KEY_BYTES) return key;
    const has = key.length === 0 ? 'is empty' : `has more than ${MAX_KEY_BYTES} bytes`;
    throw new VolumeError('precondition', `--encryption-key-file: ${quote(path)} ${has}`);
  };
}
