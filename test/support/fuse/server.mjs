// A file system of one directory with one file in it, both in memory, served by this process through /dev/fuse.
// Stopped (SIGSTOP) it stops answering; killed, everything in it fails with ENOTCONN.
//   node server.mjs MOUNT_POINT FILE_NAME BYTES
import { execFileSync } from 'node:child_process';
import { openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

const [mountPoint, fileName, size] = process.argv.slice(2);
const content = Buffer.alloc(Number(size));
const fuse = openSync('/dev/fuse', 'r+');

const ROOT = 1n;
const FILE = 2n;
const IN_HEADER = 40;
const OUT_HEADER = 16;
const REQUEST_BYTES = 1024 * 1024 + 4096;
const { ENOENT, ENOSYS } = constants.errno;

/** By the numbers of linux/fuse.h. Others are answered ENOSYS, which the kernel treats as "not needed". */
const answers = new Map([
  [1, ({ body }) => (nameIn(body) === fileName ? entry() : ENOENT)],
  [3, ({ node }) => Buffer.concat([Buffer.alloc(16), attributes(node)])],
  [4, ({ node }) => Buffer.concat([Buffer.alloc(16), attributes(node)])],
  [14, () => Buffer.alloc(16)],
  [15, ({ body }) => content.subarray(offsetIn(body), offsetIn(body) + body.readUInt32LE(16))],
  [16, ({ body }) => written(body)],
  [17, () => Buffer.alloc(80)],
  [18, () => Buffer.alloc(0)],
  [20, () => Buffer.alloc(0)],
  [25, () => Buffer.alloc(0)],
  [26, () => started()],
  [27, () => Buffer.alloc(16)],
  [28, () => Buffer.alloc(0)],
  [29, () => Buffer.alloc(0)],
]);
/** FORGET, INTERRUPT and BATCH_FORGET have no answer. */
const unanswered = new Set([2, 36, 42]);

// Mounting sends the first request, and does not wait for its answer.
execFileSync(
  'mount',
  ['-i', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0', 'test', mountPoint],
  {
    stdio: ['ignore', 'inherit', 'inherit', fuse],
  },
);
serveOne();
process.stdout.write('ready\n');
for (;;) serveOne();

function serveOne() {
  const buffer = Buffer.alloc(REQUEST_BYTES);
  const length = readSync(fuse, buffer);
  const unique = buffer.readBigUInt64LE(8);
  const opcode = buffer.readUInt32LE(4);
  if (unanswered.has(opcode)) return;
  const request = { node: buffer.readBigUInt64LE(16), body: buffer.subarray(IN_HEADER, length) };
  const answer = answers.get(opcode)?.(request) ?? ENOSYS;
  const body = typeof answer === 'number' ? Buffer.alloc(0) : answer;
  const header = Buffer.alloc(OUT_HEADER);
  header.writeUInt32LE(OUT_HEADER + body.length, 0);
  if (typeof answer === 'number') header.writeInt32LE(-answer, 4);
  header.writeBigUInt64LE(unique, 8);
  writeSync(fuse, Buffer.concat([header, body]));
}

function started() {
  const answer = Buffer.alloc(64);
  answer.writeUInt32LE(7, 0);
  answer.writeUInt32LE(31, 4);
  answer.writeUInt32LE(1024 * 1024, 20);
  return answer;
}

function entry() {
  const answer = Buffer.alloc(40);
  answer.writeBigUInt64LE(FILE, 0);
  return Buffer.concat([answer, attributes(FILE)]);
}

function attributes(node) {
  const attr = Buffer.alloc(88);
  attr.writeBigUInt64LE(node, 0);
  attr.writeBigUInt64LE(BigInt(node === ROOT ? 0 : content.length), 8);
  attr.writeUInt32LE(node === ROOT ? 0o040755 : 0o100600, 60);
  attr.writeUInt32LE(1, 64);
  return attr;
}

function written(body) {
  const bytes = body.readUInt32LE(16);
  body.copy(content, offsetIn(body), 40, 40 + bytes);
  const answer = Buffer.alloc(8);
  answer.writeUInt32LE(bytes, 0);
  return answer;
}

function offsetIn(body) {
  return Number(body.readBigUInt64LE(8));
}

function nameIn(body) {
  return body.toString('utf8', 0, body.indexOf(0));
}
