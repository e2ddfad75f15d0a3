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

/** What a request says of the page it asks for. */
export interface PageRequest {
  readonly max_entries: number;
  readonly starting_token: string;
}

/**
 * Where a page begins, and how long it may be.
 * @param longest whatever is asked for
 * @throws VolumeError invalid or aborted: the request's numbers or token
 */
export function parsePage(
  { max_entries, starting_token }: PageRequest,
  longest = PAGE_LIMIT,
): { afterId: string; limit: number } {
  if (max_entries < 0) throw invalidField('max_entries', max_entries, 'is negative');
  const limit = max_entries === 0 ? longest : Math.min(max_entries, longest);
  return { afterId: parseToken(starting_token), limit };
}

/**
 * The page that begins with these objects, and the token of the next one.
 * @param found one more than the page may have, where there are so many
 */
export function pageAfter<Item extends { readonly id: string }>(
  found: readonly Item[],
  limit: number,
): { items: Item[]; nextToken: string } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextToken: found.length > items.length && last ? tokenAfter(last.id) : '' };
}

/**
 * One page of a list in the order of ids.
 * @param listAfter up to so many objects whose ids come after this one
 * @throws VolumeError invalid or aborted: the request's numbers or token
 */
export function pageOf<Item extends { readonly id: string }>(
  request: PageRequest,
  listAfter: (afterId: string, limit: number) => Item[],
): { items: Item[]; nextToken: string } {
  const { afterId, limit } = parsePage(request);
  return pageAfter(listAfter(afterId, limit + 1), limit);
}
