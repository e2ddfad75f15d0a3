// Required before a driver: leaves this process, and the programs that it starts, only those of its capabilities whose numbers
// are in the environment variable CAPABILITIES. A module would be loaded too late: the threads there are by then keep theirs.
const koffi = require('koffi');

const VERSION_3 = 0x20080522;
const PR_CAPBSET_DROP = 24;
const EINVAL = 22;

const libc = koffi.load(null);
const capset = libc.func('capset', 'int', ['void *', 'void *']);
const capget = libc.func('capget', 'int', ['void *', 'void *']);
const prctl = libc.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);
const kept = new Set(process.env.CAPABILITIES.split(',').map(Number));

for (let number = 0; number < 64; number++) {
  if (kept.has(number) || prctl(PR_CAPBSET_DROP, number, 0, 0, 0) === 0) continue;
  if (koffi.errno() !== EINVAL) throw new Error(`prctl: errno ${koffi.errno()}`);
}
const header = Buffer.alloc(8);
header.writeUInt32LE(VERSION_3, 0);
// The lower and the upper half of the capabilities, each effective, permitted and inheritable.
const had = Buffer.alloc(24);
if (capget(header, had) !== 0) throw new Error(`capget: errno ${koffi.errno()}`);
const sets = Buffer.alloc(24);
for (const number of kept) {
  const half = number < 32 ? 0 : 12;
  const bit = (1 << (number % 32)) >>> 0;
  if ((had.readUInt32LE(half + 4) & bit) === 0) continue;
  for (const offset of [0, 4])
    sets.writeUInt32LE((sets.readUInt32LE(half + offset) | bit) >>> 0, half + offset);
}
if (capset(header, sets) !== 0) throw new Error(`capset: errno ${koffi.errno()}`);
