import { createHash } from 'node:crypto';

/** A token of a list is 128 bytes of base64url at most, which are 96 bytes, and has a mark of its own before the position. */
export const POSITION_LIMIT_BYTES = 90;
// As many characters of a hash in base64url as no two ids have in common.
const HASH_CHARACTERS = 22;

/**
 * Where an object with this id stands in lists, which are in the order of positions. It follows from the id alone, so that
 * it stays when other objects come and go and when this one has gone. It is the id itself or, for an id that is too long
 * for a token, the beginning of the id and a hash; only those that begin alike are then not in the order of their ids.
 */
export function listPosition(id: string): string {
  // No id stands as it is at the full length, so that none stands where a longer one does.
  if (Buffer.byteLength(id) < POSITION_LIMIT_BYTES) return id;
  const beginning = beginningOf(id, POSITION_LIMIT_BYTES - HASH_CHARACTERS);
  const hash = createHash('sha256').update(id).digest('base64url');
  return beginning + hash.slice(0, POSITION_LIMIT_BYTES - Buffer.byteLength(beginning));
}

/** As many whole characters as fit into so many bytes. */
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
