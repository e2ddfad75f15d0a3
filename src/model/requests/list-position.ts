import { createHash } from 'node:crypto';

/**
 * A list token has at most 128 bytes of base64url, which encode 96 bytes, and begins with a mark of its own before
 * the position.
 */
export const POSITION_LIMIT_BYTES = 90;
// Enough characters of a base64url hash that no two ids have them in common.
const HASH_CHARACTERS = 22;

/**
 * The position of an object with this id in lists, which are ordered by position. It depends on the id alone, so it does
 * not change when objects are created or deleted, including this one. It is the id itself or, if the id is too long for a
 * token, the beginning of the id and a hash; only ids that begin alike are then not in the order of their ids.
 */
export function listPosition(id: string): string {
  // No id of the full length is its own position, so that it cannot equal the position of a longer one.
  if (Buffer.byteLength(id) < POSITION_LIMIT_BYTES) return id;
  const beginning = beginningOf(id, POSITION_LIMIT_BYTES - HASH_CHARACTERS);
  const hash = createHash('sha256').update(id).digest('base64url');
  return beginning + hash.slice(0, POSITION_LIMIT_BYTES - Buffer.byteLength(beginning));
}

/** As many whole characters as fit into this number of bytes. */
function beginningOf(text: string, limitBytes: number): string {
  let beginning = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > limitBytes) break;
    beginning += character;
  }
  return beginning;
}
