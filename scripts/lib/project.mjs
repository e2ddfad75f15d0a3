// What every script needs: where the project is, and its dependencies and build brought up to date. Runs before
// anything is installed, so it uses nothing but Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** What scripts build, and may be thrown away at any time. */
export const cacheDirectory = join(projectRoot, '.cache');

/** The path of a file of the project. */
export function inProject(...parts) {
  return join(projectRoot, ...parts);
}

/** Runs a command in the project, its output shown. @returns its exit code; 127 when it cannot be started */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: projectRoot, stdio: 'inherit', ...options });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  return status ?? 127;
}

/** The same, while other things go on, its output written to a stream. */
export function runMeanwhile(command, args, options, output) {
  const child = spawn(command, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve(status ?? 127));
    child.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(127);
    });
  });
}

/** Runs a command and ends this process when it fails. */
export function mustRun(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) process.exit(status);
}

/** A command that `npm` has installed for the project. */
export function tool(name) {
  return inProject('node_modules', '.bin', name);
}

/** Installs the dependencies of the lock file, unless they are there already. */
export function install() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) fail(`Node 20 or newer is needed; this is ${process.version}.`);
  const stamp = inProject('node_modules', '.installed');
  const wanted = createHash('sha256')
    .update(readFileSync(inProject('package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('Installing dependencies…\n');
  mustRun('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { stdio: ['ignore', 2, 'inherit'] });
  writeFileSync(stamp, wanted);
}

/** Compiles `src` to `dist`; what has not changed costs little. */
export function build() {
  mkdirSync(cacheDirectory, { recursive: true });
  mustRun(process.execPath, [
    inProject('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
}

/** The line a run of tests or checks ends with. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Ends this process with a sentence. */
export function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
