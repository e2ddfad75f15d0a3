// Run after `npm install` has changed package-lock.json. npm omits a platform-specific package from the lock file if
// its registry, for example a mirror, lacks it; `npm ci` then rejects the file on every platform. This script adds the
// missing entries: name, version, the platform from the name, and the checksum from the registry. None of these
// packages is installed on a platform that it does not fit. With --check it only reports packages without a checksum.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { inProject } from './lib/project.mjs';

const path = inProject('package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));
const operatingSystems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = {
  armv7: 'arm',
  arm: 'arm',
  arm64: 'arm64',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
};

if (process.argv.includes('--check')) {
  const without = Object.entries(lock.packages).filter(([key, entry]) => key !== '' && !entry.integrity);
  for (const [key] of without)
    process.stderr.write(`${key} has no checksum; run node scripts/complete-lock.mjs\n`);
  process.exit(without.length > 0 ? 1 : 0);
}

for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const key = `node_modules/${name}`;
    const entry = parent === '' || key in lock.packages ? undefined : platformEntry(name, version, dev);
    if (entry) lock.packages[key] = entry;
  }
}
for (const [key, entry] of Object.entries(lock.packages)) {
  if (key !== '' && entry.integrity === undefined) entry.integrity = integrityOf(key, entry.version);
}
const sorted = Object.entries(lock.packages).sort(([one], [other]) => (one < other ? -1 : 1));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);

/** The entry of a package named after its platform, `…-linux-x64-musl`; undefined for any other. */
function platformEntry(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => operatingSystems.includes(word));
  const cpu = words.map((word) => processors[word]).find((word) => word !== undefined);
  if (!os || !cpu) return undefined;
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(os === 'linux' ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
  };
}

/** An entry without a checksum would be installed whatever its content, so every entry must have one. */
function integrityOf(key, version) {
  const name = key.slice('node_modules/'.length);
  const words = ['view', `${name}@${version}`, 'dist.integrity'];
  const integrity = execFileSync('npm', words, { encoding: 'utf8' }).trim();
  if (integrity === '') throw new Error(`the registry has no checksum for ${name}@${version}`);
  return integrity;
}
