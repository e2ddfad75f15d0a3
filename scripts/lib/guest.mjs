// A guest kernel with XFS and ext4 quotas, which the kernel of a build machine may lack: User-Mode Linux, as packaged
// by Debian. It is an ordinary process that needs no image: it runs on the host's own tree.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canInstall, installPackages } from './apt.mjs';
import { isRoot, namespaceObstacle } from './namespace.mjs';
import { cacheDirectory, inProject, mustRun } from './project.mjs';

const GUEST_PACKAGE = 'user-mode-linux';
const KERNEL = 'linux.uml';
const POLICY_COMPILER = 'secilc';
/** In permissive mode: it labels, and forbids nothing. */
export const selinuxOptions = ['security=selinux', 'selinux=1', 'enforcing=0'];
const MEMORY = '1G';
const DISK_BYTES = 16 * 1024 ** 3;
// Only for a guest that hangs; its tests have their own limits.
const LIMIT_MS = 120 * 60 * 1000;

const directory = join(cacheDirectory, 'guest');
const files = {
  command: join(directory, 'command.sh'),
  status: join(directory, 'status'),
  disk: join(directory, 'disk'),
  log: join(directory, 'kernel.log'),
  preload: join(cacheDirectory, 'guest-xstate.so'),
};

// Compiles scripts/lib/guest-xstate.c, which explains its purpose.
const compilerPackages = ['gcc', 'libc6-dev'];

/** Why no guest can be started on this machine, or undefined. */
export function guestObstacle() {
  if (process.arch !== 'x64') return `User-Mode Linux needs x64; this machine is ${process.arch}`;
  // These characters would end words of the kernel's command line.
  if (/[\s,"]/.test(directory))
    return `the project's path must not contain a space, comma or quote: ${directory}`;
  if (!isRoot) return 'it needs root, so that the guest can read all files of the host';
  if (!isInstalled() && !canInstall(GUEST_PACKAGE))
    return `it needs ${KERNEL} from the Debian package ${GUEST_PACKAGE}`;
  if (needsPreload() && !hasCompiler() && !canInstall(...compilerPackages))
    return 'User-Mode Linux needs a workaround on processors with AMX, and there is no C compiler to build it';
  return namespaceObstacle();
}

/** Installs the guest's kernel, unless it is installed. */
export function installGuest() {
  if (!isInstalled()) installPackages(GUEST_PACKAGE);
  if (!needsPreload()) return;
  if (!hasCompiler()) installPackages(...compilerPackages);
  const source = inProject('scripts', 'lib', 'guest-xstate.c');
  mustRun('gcc', ['-shared', '-fPIC', '-O2', '-o', files.preload, source]);
}

function needsPreload() {
  return /^flags\s.*\bamx_tile\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
}

function hasCompiler() {
  return spawnSync('gcc', ['--version']).status === 0;
}

/** Why the guest's tests of SELinux cannot run on this machine, or undefined. */
export function selinuxObstacle() {
  if (hasPolicyCompiler() || canInstall(POLICY_COMPILER)) return guestObstacle();
  return `it needs the package ${POLICY_COMPILER}`;
}

/** Installs what compiles an SELinux policy. */
export function installPolicyCompiler() {
  if (!hasPolicyCompiler()) installPackages(POLICY_COMPILER);
}

function hasPolicyCompiler() {
  return spawnSync(POLICY_COMPILER, ['--help']).error === undefined;
}

function isInstalled() {
  return spawnSync(KERNEL, ['--version']).status === 0;
}

/**
 * Runs a command as root in a new guest, in the project's directory, and writes its output to a stream.
 * @param kernelOptions of its kernel
 * @returns its exit code; 127 if it did not finish
 */
export async function runGuest(command, env = {}, output = process.stdout, kernelOptions = []) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(files.command, script(command, env));
  makeDisk();
  const log = openSync(files.log, 'w');
  try {
    await bootAndWait(log, output, kernelOptions);
  } finally {
    closeSync(log);
    rmSync(files.disk, { force: true });
  }
  return readStatus();
}

// A guest consists of many processes. In a PID namespace they all end with the first one, which ends with this process.
// Only one runs at a time, and each system call is a switch to another: on one processor that takes a sixth less time.
function bootAndWait(log, output, kernelOptions) {
  const words = ['--cpu-list', lastProcessor(), 'setpriv', '--pdeathsig', 'KILL'];
  words.push('unshare', '--pid', '--fork', '--kill-child', '--');
  // The console is a pipe, because the guest would take over a terminal, including Ctrl-C.
  const stdio = ['ignore', log, log, 'pipe'];
  const env = needsPreload() ? { ...process.env, LD_PRELOAD: files.preload } : process.env;
  const guest = spawn('taskset', [...words, KERNEL, ...kernelArguments(), ...kernelOptions], { stdio, env });
  guest.stdio[3].pipe(output, { end: false });
  const limit = setTimeout(() => guest.kill('SIGKILL'), LIMIT_MS);
  return new Promise((resolve, reject) => guest.on('close', resolve).on('error', reject)).finally(() =>
    clearTimeout(limit),
  );
}

/** The number of the last processor that this process may use. */
function lastProcessor() {
  const [, list = '0'] = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return list.split(/[-,]/).at(-1);
}

function kernelArguments() {
  return [
    `mem=${MEMORY}`,
    'root=none',
    'rootfstype=hostfs',
    'rootflags=/',
    'rw',
    `init=${inProject('scripts', 'lib', 'guest-init.sh')}`,
    `ubd0=${files.disk}`,
    `uml_dir=${directory}`,
    'con=null',
    'con0=null,fd:2',
    'con1=null,fd:3',
  ];
}

function script(command, env) {
  const assignments = Object.entries({ HOME: '/root', ...env }).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  );
  return [...assignments, `cd ${quoted(inProject())}`, command.map(quoted).join(' '), ''].join('\n');
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function makeDisk() {
  writeFileSync(files.disk, '');
  truncateSync(files.disk, DISK_BYTES);
  mustRun('mkfs.ext4', ['-q', '-E', 'nodiscard', files.disk]);
}

function readStatus() {
  try {
    return Number(readFileSync(files.status, 'utf8'));
  } catch {
    process.stderr.write(`The guest did not finish; see its kernel log in ${files.log}.\n`);
    return 127;
  }
}
