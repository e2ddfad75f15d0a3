// npm test [SUITE…] [PATH…]: installs what is needed and runs the suites, all of them by default; with paths, only
// the tests in them. A suite that this machine cannot run is skipped with its reason, except in CI, where that is a
// failure.
import { mkdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { csiSanityObstacle, installCsiSanity } from './lib/csi-sanity.mjs';
import { guestObstacle, installGuest, runGuest } from './lib/guest.mjs';
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { installPrograms, programsObstacle } from './lib/programs.mjs';
import { build, cacheDirectory, closingLine, install, run, tool } from './lib/project.mjs';

const suites = {
  unit: {},
  integration: { obstacle: mountsObstacle, prepare: installPrograms, inMountNamespace: true },
  crash: { obstacle: mountsObstacle, prepare: installPrograms, inMountNamespace: true },
  conformance: {
    obstacle: () => mountsObstacle() ?? csiSanityObstacle(),
    prepare: prepareConformance,
    inMountNamespace: true,
  },
  guest: { obstacle: () => programsObstacle() ?? guestObstacle(), prepare: prepareGuest, inGuest: true },
};

const results = join(cacheDirectory, 'test-results');
const total = { passed: 0, failed: 0, skipped: 0 };

await main();

async function main() {
  const words = process.argv.slice(2);
  const paths = words.filter((word) => word.includes('/'));
  const chosen = words.filter((word) => !paths.includes(word));
  const unknown = chosen.find((name) => !(name in suites));
  if (unknown) {
    process.stderr.write(`There is no suite ${unknown}; there are ${Object.keys(suites).join(', ')}.\n`);
    process.exit(2);
  }
  install();
  build();
  mkdirSync(results, { recursive: true });
  if (!isRoot) process.stdout.write(`${ordinaryUserNote}\n`);
  for (const name of chosen.length > 0 ? chosen : Object.keys(suites)) await runSuite(name, paths);
  process.stdout.write(`${closingLine(total)}\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

async function runSuite(name, paths) {
  const { obstacle, prepare, inMountNamespace, inGuest } = suites[name];
  const reason = obstacle?.();
  if (reason !== undefined) {
    const verdict = process.env.CI ? 'failed' : 'skipped';
    process.stdout.write(`\n${name}: ${verdict}, because ${reason}\n`);
    total[verdict]++;
    return;
  }
  prepare?.();
  const output = join(results, `${name}.json`);
  rmSync(output, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const vitest = [tool('vitest'), 'run', '--project', name, ...reporters, ...paths];
  const env = { UV_THREADPOOL_SIZE: '16', HOST_MOUNT_NAMESPACE: readlinkSync('/proc/self/ns/mnt') };
  count(output, await runVitest(vitest, env, { inMountNamespace, inGuest }));
}

function mountsObstacle() {
  return namespaceObstacle() ?? programsObstacle();
}

function prepareConformance() {
  installPrograms();
  installCsiSanity();
}

function prepareGuest() {
  installPrograms();
  installGuest();
  // The guest has no network; its tests run csi-sanity when it is there.
  if (csiSanityObstacle() === undefined) installCsiSanity();
}

function runVitest(vitest, env, { inMountNamespace, inGuest }) {
  if (inGuest) return runGuest([process.execPath, ...vitest], env);
  // A mount namespace of its own: no test can leave a mount on the host, however it ends.
  const [command, ...args] = inMountNamespace ? inOwnNamespace(vitest) : vitest;
  return run(command, args, { env: { ...process.env, ...env } });
}

function count(output, status) {
  try {
    const report = JSON.parse(readFileSync(output, 'utf8'));
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    // A file that fails outside its tests fails the run without a failed test.
    if (status !== 0 && report.numFailedTests === 0) total.failed++;
  } catch {
    process.stdout.write(`the suite left no report in ${output}\n`);
    total.failed++;
  }
}
