/** The name of an entry of a directory as the kernel takes it: bytes, and a zero that ends them. */
export type EntryName = Buffer;

/** An entry of an open directory, which may be a handle (O_PATH). */
export interface Place {
  readonly parentFd: number;
  readonly name: EntryName;
}

const end = Buffer.alloc(1);

/** An open directory itself. */
export const thisDirectory: EntryName = entryName('.');

/** The name, or text of a symbolic link, with these bytes. */
export function entryName(bytes: string | Buffer): EntryName {
  return typeof bytes === 'string' ? Buffer.from(`${bytes}\0`) : Buffer.concat([bytes, end]);
}

/** The name without its end, as node:fs takes it. */
export function nameBytes(name: EntryName): Buffer {
  return name.subarray(0, -1);
}

/** For messages. */
export function nameText(name: EntryName): string {
  return name.toString('utf8', 0, name.length - 1);
}
