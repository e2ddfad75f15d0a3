// npm run bench [-- FLAGS] [LINE…]: measures the driver's speed, on file systems created for it. Runs in its own mount namespace
// and process group: once the group has ended, however that happened, nothing is mounted any more, and the files of the file
// systems can be removed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchProgramsObstacle, buildBenchPrograms } from './lib/bench-programs.mjs';
import { inOwnNamespace, isRoot, namespaceObstacle } from './lib/namespace.mjs';
import { installPrograms, programsObstacle } from './lib/programs.mjs';
import { fail, inProject, install } from './lib/project.mjs';

// The content of the volumes, and as much again for rewritten data. Most of it is for the 16 GiB of the line delta.
const NEEDED_GIB = process.argv.includes('--short') ? 12 : 40;

install();
const obstacle = isRoot
  ? (namespaceObstacle() ?? programsObstacle() ?? benchProgramsObstacle() ?? spaceObstacle())
  : 'it needs root for loop devices';
if (obstacle !== undefined) fail(`Cannot run the benchmark here: ${obstacle}.`);
installPrograms();
buildBenchPrograms();

const directory = mkdtempSync(join(tmpdir(), 'csi-bench-'));
const words = [
  process.execPath,
  '--import',
  'tsx',
  inProject('bench', 'main.ts'),
  directory,
  ...process.argv.slice(2),
];
const [program, ...args] = inOwnNamespace(words);
const bench = spawn(program, args, {
  cwd: inProject(),
  stdio: 'inherit',
  detached: true,
  env: { ...process.env, UV_THREADPOOL_SIZE: '192' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, endAll);
bench.on('exit', (code) => {
  // Ends the driver, if the benchmark left it running.
  endAll();
  rmSync(directory, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});

function endAll() {
  try {
    process.kill(-bench.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function spaceObstacle() {
  const { bavail, bsize } = statfsSync(tmpdir());
  const freeGib = (bavail * bsize) / 1024 ** 3;
  return freeGib >= NEEDED_GIB
    ? undefined
    : `it needs ${NEEDED_GIB} GiB in ${tmpdir()}, but only ${freeGib.toFixed(1)} GiB are free (set TMPDIR to use another directory)`;
}
