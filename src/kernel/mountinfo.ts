import { readFile } from 'node:fs/promises';

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as the driver reads it. */
export interface MountEntry {
  readonly mountId: number;
  /** The directory of the file system that forms the root of this mount. */
  readonly root: string;
  /** Where it is mounted, seen from this process. */
  readonly path: string;
  readonly fsType: string;
  readonly source: string;
}

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
  const [id, , , root, path] = fields;
  if (dash < 0 || id === undefined || root === undefined || path === undefined) return undefined;
  return {
    mountId: Number(id),
    root: decodeEscapes(root),
    path: decodeEscapes(path),
    fsType: decodeEscapes(fields[dash + 1] ?? ''),
    source: decodeEscapes(fields[dash + 2] ?? ''),
  };
}

// The kernel writes space, tab, line feed and backslash as three octal digits. Other bytes come as they are.
function decodeEscapes(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
