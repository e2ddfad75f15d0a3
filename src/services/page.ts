import { invalidField, quote, VolumeError } from '../model/errors.ts';
import { listPosition, POSITION_LIMIT_BYTES } from '../model/requests/list-position.ts';

const PREFIX = 'after:';

/**
 * The token of the page after the object with this id, at most 128 bytes. It contains no count, so that it stays valid
 * when objects are created or deleted, including this one.
 */
function tokenAfter(id: string): string {
  return tokenOf(listPosition(id));
}

function tokenOf(position: string): string {
  return Buffer.from(`${PREFIX}${position}`).toString('base64url');
}

/**
 * The position in a starting token; empty for the first page.
 * @throws VolumeError aborted: not a token of this driver; the CO must start from the beginning
 */
function parseToken(token: string): string {
  if (token === '') return '';
  const text = Buffer.from(token, 'base64url').toString();
  const position = text.slice(PREFIX.length);
  const isOwnToken = text.startsWith(PREFIX) && Buffer.byteLength(position) <= POSITION_LIMIT_BYTES;
  if (isOwnToken && tokenOf(position) === token) return position;
  throw new VolumeError('aborted', `starting_token: ${quote(token)} was not issued by this driver`);
}

// Keeps the longest reply well below the 4 MiB that gRPC clients accept.
const PAGE_LIMIT = 4000;

/** The paging fields of a request. */
export interface PageRequest {
  readonly max_entries: number;
  readonly starting_token: string;
}

/**
 * Returns where a page begins and how long it may be.
 * @param maxEntries the limit, even if the request asks for more
 * @throws VolumeError invalid or aborted: an invalid number or token in the request
 */
export function parsePage(
  { max_entries, starting_token }: PageRequest,
  maxEntries = PAGE_LIMIT,
): { position: string; limit: number } {
  if (max_entries < 0) throw invalidField('max_entries', max_entries, 'must not be negative');
  const limit = max_entries === 0 ? maxEntries : Math.min(max_entries, maxEntries);
  return { position: parseToken(starting_token), limit };
}

/**
 * Returns the page that begins with these objects, and the token of the next one.
 * @param found one object more than the page may hold, if there are so many
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
 * Returns one page of a list.
 * @param listAfter returns up to a number of objects after a position, in order
 * @throws VolumeError invalid or aborted: an invalid number or token in the request
 */
export function pageOf<Item extends { readonly id: string }>(
  request: PageRequest,
  listAfter: (position: string, limit: number) => Item[],
): { items: Item[]; nextToken: string } {
  const { position, limit } = parsePage(request);
  return pageAfter(listAfter(position, limit + 1), limit);
}
