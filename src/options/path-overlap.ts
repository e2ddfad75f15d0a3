/**
 * How a path overlaps another one, as a predicate that names the owner of the other; undefined if it does not. Symbolic
 * links are not resolved.
 */
export function overlapOf(path: string, other: string, otherPath: string): string | undefined {
  if (path === otherPath) return `is the same directory as ${other}`;
  if (isBelow(path, otherPath)) return `is inside ${other} at ${JSON.stringify(otherPath)}`;
  if (isBelow(otherPath, path)) return `contains ${other} at ${JSON.stringify(otherPath)}`;
  return undefined;
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
