import { readFile } from 'node:fs/promises';

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as the driver reads it. */
export interface MountEntry {
  readonly mountId: number;
  /** The device of its file system, `major:minor`; on btrfs another than statx(2) shows. */
  readonly fileSystem: string;
  /** The directory of the file system that forms the root of this mount. */
  readonly root: string;
  /** Where it is mounted, seen from this process. */
  readonly path: string;
  readonly fsType: string;
  readonly source: string;
  /** Whether the mount itself is read-only. */
  readonly isReadOnly: boolean;
  /** Whether its file system is: no mount of it can be written. */
  readonly isFileSystemReadOnly: boolean;
}

/**
 * Options of a file system that takes no writes. Since Linux 6.15 ext4 says in a word of its own that an error has made it
 * so, and keeps `rw`.
 */
const READ_ONLY_OPTIONS = ['ro', 'emergency_ro', 'shutdown'];

/** Every mount this process sees. Costs milliseconds where there are thousands, so not for each call. */
export async function readMountinfo(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Parses the text of mountinfo; a line that is not understood is left out. */
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

// The kernel writes space, tab, line feed and backslash as three octal digits. Other bytes come as they are.
function decodeEscapes(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
