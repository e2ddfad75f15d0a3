import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { lchown } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNode } from '../../src/kernel/attributes/special-file.ts';
import { setXattr } from '../../src/kernel/attributes/xattr.ts';
import { withPath } from '../../src/kernel/calls/path-handle.ts';
import { makeDeep } from './deep-path.ts';
import { setTimesNs } from './file-times.ts';
import { isHostRoot } from './host-root.ts';

const MIB = 1024 ** 2;
const OWNER = { uid: 1234, gid: 4321 };
// One nanosecond more than a whole number of milliseconds, at a time that no test runs at.
const OLD_NS = 981_173_106_123_000_001n;
const BEFORE_1970_NS = -86_400_000_000_001n;
// /dev/null, which is harmless.
const NULL_DEVICE = (1n << 8n) | 3n;
const DEPTH = 60;

/**
 * Fills a directory with everything that copies tend to lose: hard links, holes, extended attributes, access control
 * lists, names that are not text, links to anywhere, special files, odd modes, owners and times, empty and deep
 * directories. Without root of the host, items that need it are left out. The directory's own attributes are set as well.
 */
export async function makeRichTree(directory: string): Promise<void> {
  const at = (...names: string[]) => join(directory, ...names);
  for (const name of ['plain', 'linked', 'odd', 'special', 'empty', 'empty/as well', 'deep'])
    mkdirSync(at(name));
  makeFiles(at('plain'));
  makeLinks(directory);
  makeOddNames(at('odd'));
  await makeSpecialFiles(at('special'));
  makeDeep(
    at('deep'),
    Array.from({ length: DEPTH }, (_, index) => `${index}`.padEnd(100, '-')),
  );
  await setAttributes(directory);
  makeOddModes(directory);
  await setOldTimes(directory);
}

/** Changes a tree of `makeRichTree` in every way that a copy of it must not see. */
export function changeTree(directory: string): void {
  const at = (...names: string[]) => join(directory, ...names);
  writeFileSync(at('plain', 'text'), 'other');
  const fd = openSync(at('plain', 'sparse'), 'r+');
  writeSync(fd, Buffer.alloc(4096, 9), 0, 4096, MIB);
  closeSync(fd);
  writeFileSync(at('linked', 'first'), 'other');
  rmSync(at('linked', 'second'));
  rmSync(at('odd'), { recursive: true });
  rmSync(at('special', 'fifo'));
  renameSync(at('empty'), at('renamed'));
  rmSync(at('dangling'));
  symlinkSync('/other', at('dangling'));
  chmodSync(at('mode 000'), 0o644);
  lutimesSync(at('plain', 'random'), 1, 1);
  mkdirSync(at('new'));
  writeFileSync(at('new', 'file'), Buffer.alloc(2 * MIB, 3));
  chmodSync(directory, 0o700);
}

function makeFiles(directory: string): void {
  const at = (name: string) => join(directory, name);
  writeFileSync(at('nothing'), '');
  writeFileSync(at('text'), 'content\n');
  // Not a whole number of blocks, and no two alike.
  const bytes = Buffer.alloc(300_001);
  for (let offset = 0; offset + 4 <= bytes.length; offset += 4)
    bytes.writeUInt32LE((offset * 2654435761) % 2 ** 32, offset);
  writeFileSync(at('random'), bytes);
  const fd = openSync(at('sparse'), 'w');
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, 0);
  writeSync(fd, Buffer.alloc(4096, 2), 0, 4096, 2 * MIB);
  ftruncateSync(fd, 3 * MIB);
  closeSync(fd);
}

function makeLinks(directory: string): void {
  const at = (...names: string[]) => join(directory, ...names);
  writeFileSync(at('linked', 'first'), 'shared');
  linkSync(at('linked', 'first'), at('linked', 'second'));
  linkSync(at('linked', 'first'), at('third of linked'));
  const texts = {
    dangling: 'nowhere',
    absolute: '/etc/hostname',
    outside: '../../../../../volume.json',
    parent: '..',
    itself: 'itself',
  };
  for (const [name, text] of Object.entries(texts)) symlinkSync(text, at(name));
  linkSync(at('dangling'), at('linked', 'dangling'));
  symlinkSync('x'.repeat(1000), at('long link'));
}

function makeOddNames(directory: string): void {
  const names = ['line\nbreak', ' ', '-rf', '*', '"quoted"', '\u{1F4BE}', 'n'.repeat(255), '...'].map(
    (name) => Buffer.from(name),
  );
  for (const name of [...names, Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('caf\xe9', 'latin1')]) {
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
  }
}

async function makeSpecialFiles(directory: string): Promise<void> {
  await withPath(directory, async (fd) => {
    const make = (name: string, mode: number, device = 0n) => makeNode(fd, Buffer.from(name), mode, device);
    await make('fifo', constants.S_IFIFO | 0o620);
    await make('socket', constants.S_IFSOCK | 0o755);
    if (!isHostRoot) return;
    await make('character device', constants.S_IFCHR | 0o666, NULL_DEVICE);
    await make('block device', constants.S_IFBLK | 0o600, NULL_DEVICE);
  });
}

async function setAttributes(directory: string): Promise<void> {
  const at = (...names: string[]) => join(directory, ...names);
  if (isHostRoot) {
    // Before the capabilities, which a change of owner removes.
    for (const path of [
      directory,
      at('plain', 'text'),
      at('plain', 'random'),
      at('dangling'),
      at('special', 'fifo'),
      at('empty'),
    ]) {
      await lchown(path, OWNER.uid, OWNER.gid);
    }
  }
  const set = (path: string, name: string, value: Buffer) =>
    withPath(path, (fd) => setXattr(fd, Buffer.from(name), value));
  await set(at('plain', 'text'), 'user.empty', Buffer.alloc(0));
  await set(at('plain', 'text'), 'user.bytes', Buffer.from([0, 255, 10]));
  await set(at('plain', 'random'), 'user.large', Buffer.alloc(2000, 'v'));
  await set(at('empty'), 'user.directory', Buffer.from('value'));
  await set(directory, 'user.root', Buffer.from('value'));
  await set(at('plain', 'nothing'), 'security.capability', netBindCapability());
  const list = accessControlList();
  await set(at('plain', 'text'), 'system.posix_acl_access', list);
  await set(at('empty'), 'system.posix_acl_access', list);
  await set(at('empty'), 'system.posix_acl_default', list);
  if (!isHostRoot) return;
  await set(at('plain', 'text'), 'trusted.hidden', Buffer.from('value'));
  await set(at('dangling'), 'trusted.link', Buffer.from('value'));
}

/** CAP_NET_BIND_SERVICE, permitted and effective, as setcap(8) writes it. */
function netBindCapability(): Buffer {
  const value = Buffer.alloc(20);
  value.writeUInt32LE(0x0200_0001, 0);
  value.writeUInt32LE(1 << 10, 4);
  return value;
}

/** The result of `setfacl -m u:0:rw,m:rwx` on 0640. */
function accessControlList(): Buffer {
  const anybody = 0xffff_ffff;
  const entries = [
    [0x01, 6, anybody],
    [0x02, 6, 0],
    [0x04, 4, anybody],
    [0x10, 7, anybody],
    [0x20, 0, anybody],
  ] as const;
  const version = Buffer.from([2, 0, 0, 0]);
  return Buffer.concat([
    version,
    ...entries.map(([tag, permissions, id]) => {
      const entry = Buffer.alloc(8);
      entry.writeUInt16LE(tag, 0);
      entry.writeUInt16LE(permissions, 2);
      entry.writeUInt32LE(id, 4);
      return entry;
    }),
  ]);
}

function makeOddModes(directory: string): void {
  const at = (name: string) => join(directory, name);
  for (const mode of ['000', '4755', '2755', '6511', '1644']) {
    writeFileSync(at(`mode ${mode}`), mode);
    chmodSync(at(`mode ${mode}`), Number.parseInt(mode, 8));
  }
  for (const mode of ['000', '1777', '2775']) {
    mkdirSync(at(`directory ${mode}`));
    writeFileSync(join(at(`directory ${mode}`), 'file'), mode);
    chmodSync(at(`directory ${mode}`), Number.parseInt(mode, 8));
  }
  chmodSync(directory, 0o1751);
}

async function setOldTimes(directory: string): Promise<void> {
  const at = (...names: string[]) => join(directory, ...names);
  const setOld = (path: string, mtimeNs = OLD_NS) =>
    withPath(path, (fd) => setTimesNs(fd, { atimeNs: OLD_NS + 5n, mtimeNs }));
  for (const path of [at('plain', 'text'), at('dangling'), at('special', 'fifo'), at('empty'), at('linked')])
    await setOld(path);
  await setOld(at('plain', 'nothing'), BEFORE_1970_NS);
  await setOld(directory);
}
