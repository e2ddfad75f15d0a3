import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeNode } from '../../src/kernel/attributes/special-file.ts';
import { setXattr } from '../../src/kernel/attributes/xattr.ts';
import { setTimesNs } from './file-times.ts';
import { isHostRoot } from './host-root.ts';

const O_PATH = 0o10000000;

/**
 * Fills a directory with one of everything: kinds of files, modes, owners, times, extended attributes, hard links,
 * holes and names. Without root of the host, items that need it are left out.
 */
export async function makeSampleTree(directory: string): Promise<void> {
  makeFiles(directory);
  makeModes(directory);
  makeSymlinks(directory);
  await makeSpecialFiles(directory);
  makeHardLinks(directory);
  makeOddNames(directory);
  if (isHostRoot) makeOwners(directory);
  await makeXattrs(directory);
  await makeTimes(directory);
}

function makeFiles(directory: string): void {
  mkdirSync(join(directory, 'one', 'two', 'three'), { recursive: true });
  mkdirSync(join(directory, 'empty'));
  writeFileSync(join(directory, 'empty-file'), '');
  writeFileSync(join(directory, 'one', 'two', 'three', 'short'), 'short');
  writeFileSync(join(directory, 'one', 'odd-size'), Buffer.alloc(300_001, 'odd'));
  makeSparseFile(join(directory, 'hole-inside'), [0, 1_048_576], 1_052_672);
  makeSparseFile(join(directory, 'hole-around'), [262_144], 1_000_001);
  makeSparseFile(join(directory, 'only-hole'), [], 3_000_000);
}

/** A file with a block of data at each of these offsets. */
export function makeSparseFile(path: string, offsets: readonly number[], sizeBytes: number): void {
  const fd = openSync(path, 'w');
  for (const offset of offsets) writeSync(fd, Buffer.alloc(4096, 'data'), 0, 4096, offset);
  ftruncateSync(fd, sizeBytes);
  closeSync(fd);
}

function makeModes(directory: string): void {
  for (const mode of [0o000, 0o444, 0o600, 0o666, 0o755, 0o4755, 0o2755, 0o1777, 0o7777]) {
    const name = `mode-${mode.toString(8).padStart(3, '0')}`;
    writeFileSync(join(directory, name), name);
    chmodSync(join(directory, name), mode);
    mkdirSync(join(directory, `directory-${name}`));
    writeFileSync(join(directory, `directory-${name}`, 'inside'), name);
    chmodSync(join(directory, `directory-${name}`), mode);
  }
}

function makeSymlinks(directory: string): void {
  const texts = ['one', 'nowhere', '/etc/hostname', '../../outside', '.', 'x'.repeat(1000)];
  for (const [index, text] of texts.entries()) symlinkSync(text, join(directory, `link-${index}`));
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), join(directory, 'link-of-bytes'));
}

async function makeSpecialFiles(directory: string): Promise<void> {
  const fd = openSync(directory, O_PATH);
  const make = (name: string, mode: number, device = 0n) => makeNode(fd, Buffer.from(name), mode, device);
  await make('fifo', constants.S_IFIFO | 0o640);
  await make('socket', constants.S_IFSOCK | 0o755);
  if (isHostRoot) {
    await make('character-device', constants.S_IFCHR | 0o666, 0x0103n);
    // Major 259 and minor 70000, neither of which fits a byte.
    await make('block-device', constants.S_IFBLK | 0o660, 0x11110370n);
  }
  closeSync(fd);
}

function makeHardLinks(directory: string): void {
  writeFileSync(join(directory, 'linked'), 'by three names');
  linkSync(join(directory, 'linked'), join(directory, 'one', 'linked'));
  linkSync(join(directory, 'linked'), join(directory, 'one', 'two', 'linked'));
  symlinkSync('nowhere', join(directory, 'one', 'linked-symlink'));
  linkSync(join(directory, 'one', 'linked-symlink'), join(directory, 'empty', 'linked-symlink'));
  linkSync(join(directory, 'fifo'), join(directory, 'one', 'fifo'));
  linkSync(join(directory, 'mode-4755'), join(directory, 'one', 'mode-4755'));
}

function makeOddNames(directory: string): void {
  const inTree = (name: Buffer) => Buffer.concat([Buffer.from(`${directory}/`), name]);
  mkdirSync(inTree(Buffer.from([0xff, 0xfe])));
  writeFileSync(inTree(Buffer.from([0xff, 0xfe, 0x2f, 0x80, 0xc3])), 'in a directory');
  for (const name of ['line\nbreak', ' ', '\\', '-rf', '…', '\u{1F4A5}', 'a'.repeat(255)]) {
    writeFileSync(join(directory, name), name);
  }
}

function makeOwners(directory: string): void {
  const owned = ['empty-file', 'one', 'link-1', 'fifo', 'mode-000', 'linked', 'character-device'];
  for (const [index, name] of owned.entries())
    lchownSync(join(directory, name), 1000 + index, 70_000 + index);
  // A change of owner removes the set-id bits of a file.
  for (const mode of ['4755', '2755', '7777']) {
    lchownSync(join(directory, `mode-${mode}`), 1000, 1001);
    chmodSync(join(directory, `mode-${mode}`), Number.parseInt(mode, 8));
  }
}

async function makeXattrs(directory: string): Promise<void> {
  const set = (name: string, attribute: string, value: Buffer) =>
    withHandleOf(join(directory, name), (fd) => setXattr(fd, Buffer.from(attribute), value));
  await set('empty-file', 'user.text', Buffer.from('text'));
  await set('empty-file', 'user.empty', Buffer.alloc(0));
  await set('empty-file', 'user.long', Buffer.alloc(2000, 'long'));
  await set('one', 'user.of-directory', Buffer.from([0, 255, 0]));
  await set('.', 'user.of-top', Buffer.from('top'));
  await set('mode-444', 'system.posix_acl_access', accessControlList(0o6, 0o4, 0o4));
  await set('one', 'system.posix_acl_default', accessControlList(0o7, 0o5, 0o0));
  await set('one', 'system.posix_acl_access', accessControlList(0o7, 0o5, 0o0));
  if (!isHostRoot) return;
  await set('mode-755', 'security.capability', netBindService());
  await set('mode-755', 'trusted.of-file', Buffer.from('trusted'));
  for (const name of ['link-1', 'fifo', 'socket', 'character-device']) {
    await set(name, 'trusted.of-this', Buffer.from(name));
  }
}

/** The value of system.posix_acl_*: the user 1234 beside owner, group and others, with a mask for all but the owner. */
function accessControlList(owner: number, user: number, others: number): Buffer {
  const none = 0xffffffff;
  const id = isHostRoot ? 1234 : 0;
  const entries = [
    [0x01, owner, none],
    [0x02, user, id],
    [0x04, 0o5, none],
    [0x10, 0o5, none],
    [0x20, others, none],
  ] as const;
  const acl = Buffer.alloc(4 + 8 * entries.length);
  acl.writeUInt32LE(2);
  for (const [index, [tag, permissions, whose]] of entries.entries()) {
    acl.writeUInt16LE(tag, 4 + 8 * index);
    acl.writeUInt16LE(permissions, 6 + 8 * index);
    acl.writeUInt32LE(whose, 8 + 8 * index);
  }
  return acl;
}

/** The value of security.capability with CAP_NET_BIND_SERVICE permitted and effective: struct vfs_cap_data. */
function netBindService(): Buffer {
  const capability = Buffer.alloc(20);
  capability.writeUInt32LE(0x02000001);
  capability.writeUInt32LE(1 << 10, 4);
  return capability;
}

/** Every entry gets its own times, one of them before 1970; all have nanoseconds. */
async function makeTimes(directory: string): Promise<void> {
  const paths = execFileSync('find', [directory, '-depth', '-print0']);
  let seconds = 1_000_000_000n;
  for (let start = 0; start < paths.length; ) {
    const end = paths.indexOf(0, start);
    const mtimeNs = seconds * 1_000_000_000n + 123_456_789n;
    const path = paths.subarray(start, end);
    withHandleOf(path, (fd) => setTimesNs(fd, { atimeNs: mtimeNs + 987_654_321_987n, mtimeNs }));
    seconds += 1000n;
    start = end + 1;
  }
  const old = { atimeNs: -1_500_000_001n, mtimeNs: -86_400_000_000_001n };
  withHandleOf(join(directory, 'mode-600'), (fd) => setTimesNs(fd, old));
}

function withHandleOf(path: string | Buffer, use: (fd: number) => void): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}
