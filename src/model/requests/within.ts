/** Whether a path is a directory or inside it. Both are absolute, without `.`, `..` or a trailing slash. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
