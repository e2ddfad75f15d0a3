import { invalidField, quote, VolumeError } from '../volume/errors.ts';

const PREFIX = 'after:';

/**
 * The token of the page that begins after this id. It names a place in the order of ids, not a position, so that
 * it stays valid when objects before or after it come and go.
 */
export function tokenAfter(id: string): string {
  return Buffer.from(`${PREFIX}${id}`).toString('base64url');
}

/**
 * The id that a starting token stands for; empty for the first page.
 * @throws VolumeError aborted: not a token of ours, which tells the CO to begin anew
 */
export function parseToken(token: string): string {
  if (token === '') return '';
  const text = Buffer.from(token, 'base64url').toString();
  if (text.startsWith(PREFIX) && tokenAfter(text.slice(PREFIX.length)) === token)
    return text.slice(PREFIX.length);
  throw new VolumeError('aborted', `starting_token: ${quote(token)} is not a token of this driver`);
}

// Keeps the longest reply well below the 4 MiB that gRPC clients take.
const PAGE_LIMIT = 4000;

/**
 * One page of a list in the order of ids.
 * @param listAfter up to so many objects whose ids come after this one
 * @throws VolumeError invalid or aborted: the request's numbers or token
 */
export function pageOf<Item extends { readonly id: string }>(
  { max_entries, starting_token }: { readonly max_entries: number; readonly starting_token: string },
  listAfter: (afterId: string, limit: number) => Item[],
): { items: Item[]; nextToken: string } {
  if (max_entries < 0) throw invalidField('max_entries', max_entries, 'is negative');
  const limit = max_entries === 0 ? PAGE_LIMIT : Math.min(max_entries, PAGE_LIMIT);
  const found = listAfter(parseToken(starting_token), limit + 1);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextToken: found.length > items.length && last ? tokenAfter(last.id) : '' };
}
