// Common to all scripts: the location of the project, and updating its dependencies and build. Runs before anything is
// installed, so it uses only Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** The output of scripts; may be deleted at any time. */
export const cacheDirectory = join(projectRoot, '.cache');

/** The path of a file of the project. */
export function inProject(...parts) {
  return join(projectRoot, ...parts);
}

/**
 * Runs a command in the project and shows its output.
 * @returns its exit code; 127 if it cannot be started
 */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: projectRoot, stdio: 'inherit', ...options });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  return status ?? 127;
}

/** The same, asynchronously; writes the output to a stream. */
export function runInBackground(command, args, options, output) {
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

/** Runs a command and exits if it fails. */
export function mustRun(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) process.exit(status);
}

/** The path of a command that `npm` installed for the project. */
export function tool(name) {
  return inProject('node_modules', '.bin', name);
}

/** Installs the dependencies of the lock file, unless they are installed. */
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

/** Compiles `src` to `dist` incrementally. */
export function build() {
  mkdirSync(cacheDirectory, { recursive: true });
  mustRun(process.execPath, [
    inProject('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
}

/** The last line of a run of tests or checks. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Exits with an error message. */
export function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
