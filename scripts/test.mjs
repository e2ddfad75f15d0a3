// npm test [SUITE…] [PATH…]: installs what is needed and runs the suites, all of them by default; with paths, only
// the tests in them. A suite that this machine cannot run is skipped with its reason, except in CI, where that is a
// failure.
import { mkdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { csiSanityObstacle, installCsiSanity } from './lib/csi-sanity.mjs';
import { guestObstacle, installGuest, runGuest } from './lib/guest.mjs';
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { installPrograms, programsObstacle } from './lib/programs.mjs';
import { build, cacheDirectory, closingLine, install, runMeanwhile, tool } from './lib/project.mjs';

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
  const names = chosen.length > 0 ? chosen : Object.keys(suites);
  const first = names.filter((name) => !suites[name].inGuest);
  // The guest has a kernel and one processor of its own, so it runs beside the others, and is shown when they are done.
  const guests = names.filter((name) => suites[name].inGuest).map((name) => startGuest(name, paths, first));
  for (const name of first) await runSuite(name, paths);
  for (const show of guests) await show();
  process.stdout.write(`${closingLine(total)}\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

/** Starts a suite in the guest. @returns waits for its end and shows what it has said, unless nothing else ran meanwhile */
function startGuest(name, paths, others) {
  // Whatever it says must fit, or it would wait to be read.
  const output = new PassThrough({ highWaterMark: 64 * 1024 ** 2 });
  if (others.length === 0) output.pipe(process.stdout);
  const running = runSuite(name, paths, output);
  return async () => {
    if (others.length > 0) output.pipe(process.stdout);
    await running;
    output.end();
    await finished(output);
  };
}

async function runSuite(name, paths, guestOutput) {
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
  const env = { UV_THREADPOOL_SIZE: '128', HOST_MOUNT_NAMESPACE: readlinkSync('/proc/self/ns/mnt') };
  count(output, await runVitest(vitest, env, { inMountNamespace, inGuest, guestOutput }));
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

function runVitest(vitest, env, { inMountNamespace, inGuest, guestOutput }) {
  if (inGuest) return runGuest([process.execPath, ...vitest], env, guestOutput);
  // A mount namespace of its own: no test can leave a mount on the host, however it ends.
  const [command, ...args] = inMountNamespace ? inOwnNamespace(vitest) : vitest;
  return runMeanwhile(command, args, { env: { ...process.env, ...env } });
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
