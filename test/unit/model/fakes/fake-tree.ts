import { posix } from 'node:path';
import type { FileSystemType } from '../../../../src/model/requests/file-system-options.ts';

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

export interface FakeFile {
  readonly kind: 'file';
  readonly inode: bigint;
  readonly content: string;
  /** The content if it is the image of a device. */
  readonly image: FakeImage | undefined;
}

export interface FakeImage {
  sizeBytes: bigint;
  holds: FakeFileSystem | 'blank' | 'unknown';
  /** The key of the container that has its content; undefined if it is not encrypted. */
  key?: Buffer;
}

export interface FakeFileSystem {
  readonly fsType: FileSystemType;
  readonly root: FakeDirectory;
  sizeBytes: bigint;
  /** The written bytes, as df shows them. */
  usedBytes: bigint;
  /** The errors it has recorded. */
  errors?: { readonly what: string; readonly isMendable: boolean } | undefined;
  /** Why it is not mounted, although it is intact. */
  objection?: string;
}

/** The kinds of entries in the fake file system. */
export type FakeEntry =
  | FakeDirectory
  | FakeFile
  | { readonly kind: 'symlink'; readonly inode: bigint; readonly to: string }
  | { readonly kind: 'other'; readonly inode: bigint; readonly deviceNode: string | undefined };

export const plainStatus: FakeStatus = { uid: 0, gid: 0, mode: 0o755 };
let lastInode = 1n;

/** One file system in memory. Paths are absolute and begin at its root; missing parents are made. */
export class FakeTree {
  readonly device: string;
  readonly root: FakeDirectory;

  constructor(device: string, root = makeDirectoryEntry(plainStatus)) {
    this.device = device;
    this.root = root;
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

  makeFile(path: string, content: string): FakeEntry {
    return this.put(path, { kind: 'file', inode: ++lastInode, content, image: undefined });
  }

  makeImage(path: string, sizeBytes: bigint): void {
    const image: FakeImage = { sizeBytes, holds: 'blank' };
    this.put(path, { kind: 'file', inode: ++lastInode, content: '', image });
  }

  makeSymlink(path: string, to: string): void {
    this.put(path, { kind: 'symlink', inode: ++lastInode, to });
  }

  makeSocket(path: string): void {
    this.put(path, { kind: 'other', inode: ++lastInode, deviceNode: undefined });
  }

  makeDeviceNode(path: string, deviceNode: string): FakeEntry {
    return this.put(path, { kind: 'other', inode: ++lastInode, deviceNode });
  }

  find(path: string): FakeEntry | undefined {
    let entry: FakeEntry | undefined = this.root;
    for (const name of componentsOf(path)) {
      entry = entry?.kind === 'directory' ? entry.entries.get(name) : undefined;
    }
    return entry;
  }

  /** Renames `from`, which exists. */
  move(from: string, to: string): void {
    const entry = this.find(from);
    if (!entry) throw new Error(`${from} does not exist`);
    this.remove(from);
    this.put(to, entry);
  }

  /** Copies `from`, which exists, with its whole content. */
  copy(from: string, to: string): void {
    const entry = this.find(from);
    if (!entry) throw new Error(`${from} does not exist`);
    this.put(to, copyOf(entry));
  }

  /** Removes a path, with its whole content. */
  remove(path: string): void {
    const parent = this.find(posix.dirname(path));
    if (parent?.kind === 'directory') parent.entries.delete(posix.basename(path));
  }

  private put(path: string, entry: FakeEntry): FakeEntry {
    this.makeDirectory(posix.dirname(path)).entries.set(posix.basename(path), entry);
    return entry;
  }
}

export function makeDirectoryEntry(status: FakeStatus): FakeDirectory {
  return { kind: 'directory', inode: ++lastInode, entries: new Map(), status };
}

function copyOf(entry: FakeEntry): FakeEntry {
  const inode = ++lastInode;
  if (entry.kind === 'directory') {
    const entries = [...entry.entries].map(([name, each]) => [name, copyOf(each)] as const);
    return { ...entry, inode, entries: new Map(entries) };
  }
  if (entry.kind !== 'file' || !entry.image) return { ...entry, inode };
  const { sizeBytes, holds } = entry.image;
  const held = typeof holds === 'string' ? holds : { ...holds, root: copyOf(holds.root) as FakeDirectory };
  return { ...entry, inode, image: { sizeBytes, holds: held } };
}

/** Whether a file or a directory is empty. */
export function isEmpty(entry: FakeEntry): boolean {
  if (entry.kind === 'directory') return entry.entries.size === 0;
  return entry.kind === 'file' && entry.content === '' && !entry.image;
}

/** The bytes in all files at and below an entry; an image that is not blank counts in full. */
export function bytesIn(entry: FakeEntry | undefined): bigint {
  if (entry?.kind === 'directory') {
    return [...entry.entries.values()].reduce((sum, each) => sum + bytesIn(each), 0n);
  }
  if (entry?.kind !== 'file') return 0n;
  if (entry.image) return entry.image.holds === 'blank' ? 0n : entry.image.sizeBytes;
  return BigInt(entry.content.length);
}

export function componentsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
