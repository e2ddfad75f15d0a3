import { closeSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errno, isErrno } from '../../../src/kernel/calls/errno.ts';
import { callSync, libraryCall } from '../../../src/kernel/calls/libc.ts';
import printSeed from '../../attacks/support/print-seed.ts';

const syscall = libraryCall('syscall', ['long', 'int', 'str', 'int']);
// The number on x64, the only platform with such a guest. Not every host has the modprobe that would do this.
const FINIT_MODULE = 313;
// In this order, because a module may need the ones before it.
const deviceMapper = ['dm-mod', 'dm-bufio', 'dm-snapshot', 'dm-log-writes', 'dm-flakey', 'dm-dust'].map(
  (name) => `drivers/md/${name}`,
);
// What encrypted images need: the cipher, and the interface by which cryptsetup uses it to read its header.
const encryption = [
  ...['hmac', 'cbc', 'ecb', 'xts', 'af_alg', 'algif_skcipher'].map((name) => `crypto/${name}`),
  ...['security/keys/encrypted-keys/encrypted-keys', 'drivers/md/dm-crypt'],
];
const modules = [
  ...['fs/quota/quota_tree', 'fs/quota/quota_v2', 'drivers/block/loop'],
  ...deviceMapper,
  ...encryption,
];

/** Refuses to run outside the guest, loads the kernel modules, and chooses the seed of attacks. */
export default function prepareGuest(): void {
  if (!/^vendor_id\s*: User Mode Linux$/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) {
    throw new Error('These tests run in a guest kernel. Start them with `npm run test:guest`.');
  }
  // `npm test` must not depend on what the guest's kernel does with damage that nobody has seen yet.
  if (process.env['ATTACK_FACTOR'] !== undefined) printSeed();
  for (const name of modules) loadModule(`/usr/lib/uml/modules/${release()}/kernel/${name}.ko`);
}

function loadModule(path: string): void {
  const fd = openSync(path, 'r');
  try {
    callSync(syscall, path, FINIT_MODULE, fd, '', 0);
  } catch (error) {
    if (!isErrno(error, errno.EEXIST)) throw error;
  } finally {
    closeSync(fd);
  }
}
