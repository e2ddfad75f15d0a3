import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { linkText } from '../../src/kernel/attributes/special-file.ts';
import { getXattr, listXattrs } from '../../src/kernel/attributes/xattr.ts';
import { below } from '../../src/kernel/calls/path-handle.ts';
import { dataRanges } from '../../src/kernel/files/data-ranges.ts';

const O_PATH = 0o10000000;

/** The visible properties of one entry of a tree. Arbitrary bytes are strings of as many characters (latin1). */
export interface ListedEntry {
  readonly type: string;
  /** In octal, without the type. */
  readonly mode: string;
  readonly owner: string;
  readonly mtimeNs: bigint;
  readonly xattrs: Readonly<Record<string, string>>;
  /** For an entry with several names in the tree: all of them. */
  readonly names?: readonly string[];
  /** For a file. */
  readonly sizeBytes?: bigint;
  readonly contentHash?: string;
  /** For a file: where it has data, `start-end`. The rest are holes. */
  readonly data?: readonly string[];
  /** For a symbolic link. */
  readonly text?: string;
  /** For a device node. */
  readonly device?: bigint;
}

/**
 * The visible properties of a tree, by the paths in it, `.` for the tree itself, so that two trees can be compared
 * with `expect(await listTree(one)).toEqual(await listTree(other))`. Inode numbers, access and change times, which
 * copies do not share, are left out. The tree can be of any depth; nothing may be mounted in it.
 * @param holes whether to list where files have data; false for trees on file systems that allocate differently
 */
export async function listTree(path: string, { holes = true } = {}): Promise<Record<string, ListedEntry>> {
  const listing = new TreeListing(holes);
  await listing.add(path, '.');
  return listing.withLinks();
}

class TreeListing {
  private readonly holes: boolean;
  private readonly entries: Record<string, ListedEntry> = {};
  private readonly names = new Map<string, string[]>();

  constructor(holes: boolean) {
    this.holes = holes;
  }

  async add(path: string | Buffer, name: string): Promise<void> {
    const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
    try {
      const status = fstatSync(fd, { bigint: true });
      this.entries[name] = {
        type: typeOf(status),
        mode: (status.mode & 0o7777n).toString(8),
        owner: `${status.uid}:${status.gid}`,
        mtimeNs: status.mtimeNs,
        xattrs: await xattrsOf(fd),
        ...(await this.contentOf(fd, status)),
      };
      this.noteName(status, name);
      if (!status.isDirectory()) return;
      for (const entry of readdirSync(below(fd), { encoding: 'buffer' }).sort(Buffer.compare)) {
        await this.add(below(fd, entry), `${name}/${entry.toString('latin1')}`);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** The entries; those with several names in the tree know them. */
  withLinks(): Record<string, ListedEntry> {
    const shared = [...this.names.values()].filter((names) => names.length > 1);
    for (const names of shared) {
      for (const name of names) this.entries[name] = { ...entryOf(this.entries, name), names };
    }
    return this.entries;
  }

  private noteName(status: BigIntStats, name: string): void {
    if (status.isDirectory() || status.nlink === 1n) return;
    const key = `${status.dev}-${status.ino}`;
    const names = this.names.get(key) ?? [];
    this.names.set(key, [...names, name]);
  }

  private async contentOf(fd: number, status: BigIntStats): Promise<Partial<ListedEntry>> {
    if (status.isSymbolicLink()) return { text: (await linkText(fd)).toString('latin1') };
    if (status.isBlockDevice() || status.isCharacterDevice()) return { device: status.rdev };
    if (!status.isFile()) return {};
    const readFd = openSync(below(fd), constants.O_RDONLY);
    try {
      const ranges = await dataOf(readFd, status.size);
      const data = this.holes ? { data: ranges.map(({ start, end }) => `${start}-${end}`) } : {};
      return { sizeBytes: status.size, contentHash: hashOf(readFd, ranges), ...data };
    } finally {
      closeSync(readFd);
    }
  }
}

function entryOf(entries: Record<string, ListedEntry>, name: string): ListedEntry {
  const entry = entries[name];
  if (entry === undefined) throw new Error(`${name} is not listed`);
  return entry;
}

interface DataRange {
  readonly start: bigint;
  readonly end: bigint;
}

async function dataOf(fd: number, sizeBytes: bigint): Promise<DataRange[]> {
  const ranges: DataRange[] = [];
  for await (const range of dataRanges(fd, sizeBytes)) ranges.push(range);
  return ranges;
}

/** The hash of all blocks that are not zero, with their offsets: the same however the file is allocated. */
function hashOf(fd: number, ranges: readonly DataRange[]): string {
  const blockBytes = 4096n;
  const hash = createHash('sha256');
  const block = Buffer.alloc(Number(blockBytes));
  for (const { start, end } of ranges) {
    for (let position = start - (start % blockBytes); position < end; position += blockBytes) {
      block.fill(0);
      const length = readSync(fd, block, { position });
      if (block.some((byte) => byte !== 0)) hash.update(`${position} `).update(block.subarray(0, length));
    }
  }
  return hash.digest('hex');
}

async function xattrsOf(fd: number): Promise<Record<string, string>> {
  const xattrs: Record<string, string> = {};
  for (const name of (await listXattrs(fd)).sort(Buffer.compare)) {
    // The access control lists of XFS, which other file systems do not show.
    if (name.toString().startsWith('trusted.SGI_ACL_')) continue;
    xattrs[name.toString('latin1')] = (await getXattr(fd, name))?.toString('hex') ?? 'gone';
  }
  return xattrs;
}

function typeOf(status: BigIntStats): string {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  if (status.isFIFO()) return 'fifo';
  if (status.isSocket()) return 'socket';
  return status.isBlockDevice() ? 'block device' : 'character device';
}
