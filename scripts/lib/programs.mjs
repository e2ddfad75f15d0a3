// The programs that create the file systems of images and test disks, which some machines lack.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { canInstall, installPackages } from './apt.mjs';
import { isRoot } from './namespace.mjs';

const packageByProgram = {
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  cryptsetup: 'cryptsetup-bin',
};
const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** Why the file systems for tests cannot be created here, or undefined. Only root needs them. */
export function programsObstacle() {
  const missing = missingPackages();
  if (!isRoot || missing.length === 0) return undefined;
  return canInstall(...missing) ? undefined : `it needs the packages ${missing.join(', ')}`;
}

/** Installs the missing ones. */
export function installPrograms() {
  const missing = missingPackages();
  if (!isRoot || missing.length === 0) return;
  installPackages(...missing);
}

/** Installs strace if possible; a machine without it skips the tests in which system calls fail. */
export function installStrace() {
  if (isRoot && isMissing('strace') && canInstall('strace')) installPackages('strace');
}

function isMissing(program) {
  return !directories.some((directory) => existsSync(join(directory, program)));
}

function missingPackages() {
  return Object.entries(packageByProgram).flatMap(([program, name]) => (isMissing(program) ? [name] : []));
}
