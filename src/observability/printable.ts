/**
 * Reads a log line and makes its texts safe for a terminal: names come from callers. A line break in one would look like
 * another line, and control characters could overwrite earlier output.
 * @param line one object in JSON
 */
export function withPrintableTexts(line: string): unknown {
  return printableValue(JSON.parse(line));
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(printableValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    printable(key),
    key === 'stack' && typeof inner === 'string' ? printableStack(inner) : printableValue(inner),
  ]);
  return Object.fromEntries(entries);
}

/** The frames of a stack keep their line breaks; the text before them is the message. */
function printableStack(stack: string): string {
  const frames = /(?:\n {4}at .*)*$/.exec(stack)?.[0] ?? '';
  const message = stack.slice(0, stack.length - frames.length);
  return printable(message) + frames.split('\n').map(printable).join('\n');
}

function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (character) => {
    const known: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return known[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
