const ELLIPSIS = '…';

/**
 * The text itself or, if its UTF-8 is longer than the limit, as much of its beginning as fits before an ellipsis. Never
 * splits a character.
 */
export function shortened(text: string, limitBytes: number): string {
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
