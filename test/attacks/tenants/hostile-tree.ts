import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setXattr } from '../../../src/kernel/attributes/xattr.ts';
import { encodeDevice } from '../../../src/kernel/calls/device-number.ts';
import { entryName } from '../../../src/kernel/calls/entry-name.ts';
import { errno, isErrno } from '../../../src/kernel/calls/errno.ts';
import { callSync, libraryCall } from '../../../src/kernel/calls/libc.ts';
import { makeNodeAt } from '../../../src/kernel/calls/make-entry.ts';
import { below } from '../../../src/kernel/calls/path-handle.ts';
import { setSize } from '../../../src/kernel/files/copy-data.ts';
import { makeDeep } from '../../support/deep-path.ts';
import type { Random } from '../support/random.ts';

const pwrite = libraryCall('pwrite', ['int', 'void *', 'size_t', 'int64']);

const LONGEST_NAME = 255;
const SLASH = 0x2f;
// The largest first; each file system has a limit of its own.
const apparentSizes = [2n ** 63n - 4096n, 2n ** 44n - 4096n * 2n, 2n ** 40n];
/** Endless when they are read, or of the node. */
const devices = [
  [constants.S_IFCHR, encodeDevice(1, 5)],
  [constants.S_IFCHR, encodeDevice(1, 1)],
  [constants.S_IFCHR, encodeDevice(5, 0)],
  [constants.S_IFBLK, encodeDevice(7, 0)],
  [constants.S_IFBLK, encodeDevice(8, 0)],
] as const;

/** What a tenant may make in its volume. */
interface Place {
  readonly directory: Buffer;
  readonly path: Buffer;
}

/** Fills a directory with random entries of every kind that harms programs which walk trees, or leads them outside. */
export class HostileTree {
  private readonly random: Random;
  private readonly outside: string;
  private readonly directories: Buffer[];
  private readonly files: Buffer[] = [];

  /** @param outside where links lead to @param top the directory, which has a short path */
  constructor(random: Random, outside: string, top: string) {
    this.random = random;
    this.outside = outside;
    this.directories = [Buffer.from(top)];
  }

  /** @param entries how many to make; each kind is made once at least */
  async fill(entries: number): Promise<void> {
    const kinds: ((place: Place) => void)[] = [
      (place) => this.makeFile(place),
      (place) => this.makeLargeFile(place),
      (place) => this.makeDirectory(place),
      (place) => this.makeSymlink(place),
      (place) => this.makeHardLink(place),
      (place) => this.makeFifo(place, constants.S_IFIFO),
      (place) => this.makeFifo(place, constants.S_IFSOCK),
      (place) => this.makeDevice(place),
      (place) => this.makeDeep(place),
    ];
    // Directories first, for something to be in them.
    for (let index = 0; index < 4; index++) this.makeDirectory(this.newPlace());
    for (const make of kinds) make(this.newPlace());
    const usual = kinds.filter((_, index) => index !== kinds.length - 1);
    for (let index = 0; index < entries; index++) this.random.pick(usual)(this.newPlace());
  }

  private newPlace(): Place {
    const directory = this.random.pick(this.directories);
    return { directory, path: Buffer.concat([directory, Buffer.from('/'), this.newName()]) };
  }

  private newName(): Buffer {
    const unique = Buffer.from(`${this.files.length}-${this.directories.length}-`);
    const length = this.random.pick([1, 8, 40, LONGEST_NAME]);
    const bytes = this.random.bytes(length).map((byte) => (byte === 0 || byte === SLASH ? 0xff : byte));
    return Buffer.concat([bytes, unique]).subarray(-LONGEST_NAME);
  }

  private makeFile({ path }: Place): void {
    writeFileSync(path, this.content(this.random.pick([0, 1, 4096, 5000, 70_000])), { flag: 'wx' });
    this.files.push(path);
    if (this.random.below(2) === 0) this.addXattrs(path);
    chmodSync(path, this.random.pick([0o0000, 0o644, 0o4755, 0o2755, 0o6511, 0o1644, 0o777]));
  }

  /** A file that seems to have exabytes, with data at its beginning and near its end. */
  private makeLargeFile({ path }: Place): void {
    const fd = openSync(path, 'wx');
    try {
      const sizeBytes = apparentSizes.find((bytes) => isPossible(() => setSize(fd, bytes))) ?? 0n;
      const blocks = BigInt(1 + this.random.below(1000));
      for (const offset of [0n, sizeBytes - 4096n * blocks]) {
        callSync(pwrite, fd, fd, this.random.bytes(100), 100, offset);
      }
    } finally {
      closeSync(fd);
    }
    this.files.push(path);
  }

  private makeDirectory({ path }: Place): void {
    mkdirSync(path);
    // Deeper ones are made by makeDeep: these have paths that the test can use.
    if (path.length < 2500) this.directories.push(path);
    if (this.random.below(4) === 0) this.addXattrs(path);
    chmodSync(path, this.random.pick([0o000, 0o700, 0o1777, 0o2775, 0o4755]));
  }

  /** Directories below the longest path that the kernel takes. */
  private makeDeep({ path }: Place): void {
    mkdirSync(path);
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const name = 'd'.repeat(this.random.pick([1, 200]));
    try {
      makeDeep(
        below(fd),
        Array.from({ length: 100 }, () => name),
      );
    } finally {
      closeSync(fd);
    }
  }

  private makeSymlink({ path }: Place): void {
    const texts = [
      ...['/', '/etc/shadow', '/proc/self/root', '/proc/self/fd/3', '/dev/zero', '..', '.', 'loop', '//../x'],
      ...[this.outside, `${this.outside}/inner/file`, '../'.repeat(40), `${'../'.repeat(40)}etc/shadow`],
      ...['../../volume.json', '../../../.csi-hostpath/pool.json', 'n'.repeat(1000), '\n', '\u{1F4BE}'],
    ];
    symlinkSync(this.random.pick(texts), path);
  }

  private makeHardLink({ path }: Place): void {
    linkSync(this.random.pick(this.files), path);
  }

  private makeFifo(place: Place, kind: number): void {
    this.makeNode(place, kind | 0o666, 0n);
  }

  private makeDevice(place: Place): void {
    const [kind, number] = this.random.pick(devices);
    this.makeNode(place, kind | 0o666, number);
  }

  private makeNode({ directory, path }: Place, mode: number, number: bigint): void {
    const parentFd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      makeNodeAt({ parentFd, name: entryName(path.subarray(directory.length + 1)) }, mode, number);
    } finally {
      closeSync(parentFd);
    }
  }

  private content(bytes: number): Buffer {
    return Buffer.alloc(bytes, this.random.bytes(16));
  }

  private addXattrs(path: Buffer): void {
    const fd = openSync(path, constants.O_RDONLY);
    try {
      const count = this.random.pick([1, 3, 30]);
      for (let index = 0; index < count; index++) {
        const [name, value] = this.randomXattr(index);
        if (!isStored(() => setXattr(fd, name, value))) return;
      }
    } finally {
      closeSync(fd);
    }
  }

  private randomXattr(index: number): [name: Buffer, value: Buffer] {
    const kind = this.random.below(6);
    if (kind === 0) return [Buffer.from('security.capability'), fileCapability(this.random)];
    if (kind === 1) return [Buffer.from('system.posix_acl_access'), accessControlList(this.random)];
    const prefix = this.random.pick(['user.', 'user.', 'trusted.', 'security.']);
    const bytes = this.random.bytes(this.random.pick([1, 20, 200])).map((byte) => byte || 1);
    const value = this.content(this.random.pick([0, 1, 100, 3000, 65_536]));
    return [Buffer.concat([Buffer.from(`${prefix}${index}-`), bytes]), value];
  }
}

/** @returns false if the file system has no files of this size */
function isPossible(set: () => void): boolean {
  try {
    set();
    return true;
  } catch (error) {
    if (isErrno(error, errno.EFBIG, errno.EINVAL)) return false;
    throw error;
  }
}

/** @returns false if the file system has no room for it beside the others of the file */
function isStored(set: () => void): boolean {
  try {
    set();
    return true;
  } catch (error) {
    if (isErrno(error, errno.ENOSPC, errno.E2BIG, errno.EOPNOTSUPP)) return false;
    throw error;
  }
}

/** All capabilities, permitted and effective, also those of a user namespace (version 3). */
function fileCapability(random: Random): Buffer {
  const isNamespaced = random.below(2) === 0;
  const value = Buffer.alloc(isNamespaced ? 24 : 20, 0xff);
  value.writeUInt32LE(isNamespaced ? 0x0300_0001 : 0x0200_0001, 0);
  if (isNamespaced) value.writeUInt32LE(1000, 20);
  return value;
}

/** One with more users than most programs expect. */
function accessControlList(random: Random): Buffer {
  const anybody = 0xffff_ffff;
  const users = Array.from({ length: random.pick([1, 50]) }, (_, index) => [0x02, 7, 1000 + index] as const);
  const entries = [
    [0x01, 6, anybody],
    ...users,
    [0x04, 4, anybody],
    [0x10, 7, anybody],
    [0x20, 7, anybody],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  return list;
}
