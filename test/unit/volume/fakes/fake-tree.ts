import { posix } from 'node:path';

export interface FakeDirectory {
  readonly kind: 'directory';
  readonly inode: bigint;
  readonly entries: Map<string, FakeEntry>;
  status: FakeStatus;
}

export interface FakeStatus {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** What a path of the fake file system can name. */
export type FakeEntry =
  | FakeDirectory
  | { readonly kind: 'file'; readonly inode: bigint; readonly content: string }
  | { readonly kind: 'symlink'; readonly inode: bigint; readonly to: string }
  | { readonly kind: 'other'; readonly inode: bigint };

const plainStatus: FakeStatus = { uid: 0, gid: 0, mode: 0o755 };
let lastInode = 1n;

/** One file system in memory. Paths are absolute and begin at its root; missing parents are made. */
export class FakeTree {
  readonly device: string;
  readonly root: FakeDirectory = makeDirectoryEntry(plainStatus);

  constructor(device: string) {
    this.device = device;
  }

  makeDirectory(path: string, status = plainStatus): FakeDirectory {
    let directory = this.root;
    for (const name of componentsOf(path)) {
      const next = directory.entries.get(name) ?? makeDirectoryEntry(status);
      if (next.kind !== 'directory') throw new Error(`${path} has a ${next.kind} on the way`);
      directory.entries.set(name, next);
      directory = next;
    }
    return directory;
  }

  makeFile(path: string, content: string): void {
    this.put(path, { kind: 'file', inode: ++lastInode, content });
  }

  makeSymlink(path: string, to: string): void {
    this.put(path, { kind: 'symlink', inode: ++lastInode, to });
  }

  makeSocket(path: string): void {
    this.put(path, { kind: 'other', inode: ++lastInode });
  }

  find(path: string): FakeEntry | undefined {
    let entry: FakeEntry | undefined = this.root;
    for (const name of componentsOf(path)) {
      entry = entry?.kind === 'directory' ? entry.entries.get(name) : undefined;
    }
    return entry;
  }

  /** Renames what is at `from`, which exists. */
  move(from: string, to: string): void {
    const entry = this.find(from);
    if (!entry) throw new Error(`${from} does not exist`);
    this.remove(from);
    this.put(to, entry);
  }

  /** Removes whatever is at a path, with all it holds. */
  remove(path: string): void {
    const parent = this.find(posix.dirname(path));
    if (parent?.kind === 'directory') parent.entries.delete(posix.basename(path));
  }

  private put(path: string, entry: FakeEntry): void {
    this.makeDirectory(posix.dirname(path)).entries.set(posix.basename(path), entry);
  }
}

export function makeDirectoryEntry(status: FakeStatus): FakeDirectory {
  return { kind: 'directory', inode: ++lastInode, entries: new Map(), status };
}

export function componentsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
