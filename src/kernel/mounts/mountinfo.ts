import { readFileSync } from 'node:fs';

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), with the fields that the driver uses. */
export interface MountEntry {
  readonly mountId: number;
  /** The device of its file system, `major:minor`; on btrfs it differs from the one in statx(2). */
  readonly fileSystem: string;
  /** The directory in the file system that is the root of this mount. */
  readonly root: string;
  /** The mount point, as seen from this process. */
  readonly path: string;
  readonly fsType: string;
  readonly source: string;
  /** Whether the mount itself is read-only. */
  readonly isReadOnly: boolean;
  /** Whether the file system is read-only, so that no mount of it can be written. */
  readonly isFileSystemReadOnly: boolean;
}

/**
 * Options of a file system that accepts no writes. Since Linux 6.15 ext4 reports this state after an error with an option
 * of its own, and keeps `rw`.
 */
const READ_ONLY_OPTIONS = ['ro', 'emergency_ro', 'shutdown'];

/** All mounts that this process sees. Takes milliseconds if there are thousands, so it is not for every call. */
export function readMountinfo(): MountEntry[] {
  return parseMountinfo(mountinfoText());
}

/**
 * The mounts that have a name somewhere in their line, as that of a directory in their path or root. Parses only these.
 * @param name without the characters that the kernel escapes: space, tab, line feed and backslash
 */
export function mountsNaming(name: string): MountEntry[] {
  return parseMountinfo(linesWith(name, mountinfoText()));
}

/** The lines of a text that contain a string. */
export function linesWith(part: string, text: string): string {
  const lines: string[] = [];
  for (let at = text.indexOf(part); at !== -1; ) {
    const end = text.indexOf('\n', at);
    const next = end === -1 ? text.length : end;
    lines.push(text.slice(text.lastIndexOf('\n', at) + 1, next));
    at = text.indexOf(part, next);
  }
  return lines.join('\n');
}

/** Read on this thread: the kernel has it in memory, and asks no file system. */
function mountinfoText(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

/** Parses the text of mountinfo; skips lines that it does not understand. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const entry = parseLine(line);
    return entry === undefined ? [] : [entry];
  });
}

function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(' ');
  // A variable number of optional fields ends with a lone dash.
  const dash = fields.indexOf('-', 6);
  const [id, , fileSystem = '', root, path, options = ''] = fields;
  if (dash < 0 || id === undefined || root === undefined || path === undefined) return undefined;
  const fileSystemOptions = (fields[dash + 3] ?? '').split(',');
  return {
    mountId: Number(id),
    fileSystem,
    root: decodeEscapes(root),
    path: decodeEscapes(path),
    fsType: decodeEscapes(fields[dash + 1] ?? ''),
    source: decodeEscapes(fields[dash + 2] ?? ''),
    isReadOnly: options.split(',').includes('ro'),
    isFileSystemReadOnly: READ_ONLY_OPTIONS.some((option) => fileSystemOptions.includes(option)),
  };
}

// The kernel writes space, tab, line feed and backslash as three octal digits, and all other bytes unchanged.
function decodeEscapes(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
