// node lease-holder.mjs FILE…: takes a write lease on each of these files, as their owner, and never returns one by
// itself. Writes `held` when it has them all, and `asked` when the kernel asks for one of them. Ends, and thereby
// returns them, when its standard input closes.
import { openSync, writeSync } from 'node:fs';
import koffi from 'koffi';

const F_SETLEASE = 1024;
const F_WRLCK = 1;

const fcntl = koffi.load(null).func('int fcntl(int fd, int command, long argument)');

// By default it would end the process.
process.on('SIGIO', () => writeSync(1, 'asked\n'));
for (const path of process.argv.slice(2)) {
  if (fcntl(openSync(path, 'r+'), F_SETLEASE, F_WRLCK) !== 0)
    throw new Error(`no lease on ${path}: ${koffi.errno()}`);
}
writeSync(1, 'held\n');
process.stdin.on('end', () => process.exit()).resume();
