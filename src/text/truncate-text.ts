const ELLIPSIS = '…';

/**
 * The text itself or, if its UTF-8 is longer than the limit, as much of its beginning as fits before an ellipsis. Never
 * splits a character.
 */
export function truncateText(text: string, limitBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limitBytes) return text;
  let end = limitBytes - Buffer.byteLength(ELLIPSIS);
  if (end < 0) return '';
  while (isContinuation(bytes[end])) end--;
  return bytes.toString('utf8', 0, end) + ELLIPSIS;
}

/** Whether a byte is not the first byte of its character. */
function isContinuation(byte = 0): boolean {
  return (byte & 0b1100_0000) === 0b1000_0000;
}

// More parts are only counted: each would be too short to distinguish.
const MAX_SHOWN = 3;

/**
 * Joins parts after an introduction, in at most `limitBytes` bytes. If there is not enough room, all shown parts are
 * cut to the same length and the others are counted.
 */
export function joinWithinLimit(
  limitBytes: number,
  first: string,
  parts: readonly string[],
  separator: string,
): string {
  const whole = first + parts.join(separator);
  if (Buffer.byteLength(whole) <= limitBytes) return whole;
  if (parts.length === 0) return truncateText(whole, limitBytes);
  const shown = parts.slice(0, MAX_SHOWN);
  const more = parts.length > shown.length ? ` and ${parts.length - shown.length} more` : '';
  const taken = Buffer.byteLength(first + separator.repeat(shown.length - 1) + more);
  const roomEach = Math.max(0, Math.floor((limitBytes - taken) / shown.length));
  const list = shown.map((part) => truncateText(part, roomEach)).join(separator);
  return truncateText(first + list + more, limitBytes);
}
