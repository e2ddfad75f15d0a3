import { shortened } from './shortened.ts';

// More parts are only counted: each would be too short to distinguish.
const MOST_SHOWN = 3;

/**
 * Joins parts after an introduction, in at most `limitBytes` bytes. If there is not enough room, all shown parts are
 * cut to the same length and the others are counted.
 */
export function joinedWithin(
  limitBytes: number,
  first: string,
  parts: readonly string[],
  separator: string,
): string {
  const whole = first + parts.join(separator);
  if (Buffer.byteLength(whole) <= limitBytes) return whole;
  if (parts.length === 0) return shortened(whole, limitBytes);
  const shown = parts.slice(0, MOST_SHOWN);
  const more = parts.length > shown.length ? ` and ${parts.length - shown.length} more` : '';
  const taken = Buffer.byteLength(first + separator.repeat(shown.length - 1) + more);
  const roomEach = Math.max(0, Math.floor((limitBytes - taken) / shown.length));
  const list = shown.map((part) => shortened(part, roomEach)).join(separator);
  return shortened(first + list + more, limitBytes);
}
