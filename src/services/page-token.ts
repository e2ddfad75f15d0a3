import { quote, VolumeError } from '../volume/errors.ts';

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
