// Required before a driver: takes a capability from this process for good, CAP_SYS_ADMIN unless WITHOUT_CAPABILITY has
// another's number. What it asks the kernel for later, such as thawing a file system, is refused with EPERM. A module would be loaded too late: the threads there are by then keep it.
const koffi = require('koffi');

const CAP_SYS_ADMIN = 21;
const capability = Number(process.env.WITHOUT_CAPABILITY ?? CAP_SYS_ADMIN);
const VERSION_3 = 0x20080522;

const capset = koffi.load(null).func('capset', 'int', ['void *', 'void *']);
const capget = koffi.load(null).func('capget', 'int', ['void *', 'void *']);
const header = Buffer.alloc(8);
header.writeUInt32LE(VERSION_3, 0);
// Twice effective, permitted and inheritable: the lower and the upper half of the capabilities.
const sets = Buffer.alloc(24);
if (capget(header, sets) !== 0) throw new Error(`capget: errno ${koffi.errno()}`);
for (const offset of [0, 4, 8])
  sets.writeUInt32LE((sets.readUInt32LE(offset) & ~(1 << capability)) >>> 0, offset);
if (capset(header, sets) !== 0) throw new Error(`capset: errno ${koffi.errno()}`);
