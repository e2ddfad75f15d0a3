const LONGEST_PATTERN = 256;

/**
 * Parses a pattern of node names, in which `*` stands for any characters.
 * @throws Error that quotes the text if it is empty or longer than a node id can be
 */
export function parseNodePattern(text: string): string {
  if (text !== '' && text.length <= LONGEST_PATTERN) return text;
  throw new Error(`${JSON.stringify(text)} must have 1 to ${LONGEST_PATTERN} characters`);
}

/** Whether a node id matches a pattern. Not a regular expression, so that no pattern takes long. */
export function matchesNode(pattern: string, nodeId: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return nodeId === first;
  const end = nodeId.length - last.length;
  if (!nodeId.startsWith(first) || !nodeId.endsWith(last) || end < first.length) return false;
  let at = first.length;
  for (const part of others) {
    const found = nodeId.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
