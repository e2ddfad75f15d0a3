/** Whether a path is a directory's, or leads into it. Both are absolute, without `.`, `..` or a slash at the end. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
