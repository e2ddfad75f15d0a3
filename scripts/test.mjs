// npm test [SUITE…] [PATH…]: installs the requirements and runs the suites, by default all of them; with paths, only
// the tests in them. A suite that this machine cannot run is skipped and the reason shown; in CI this is a failure.
import { mkdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { csiSanityObstacle, installCsiSanity } from './lib/csi-sanity.mjs';
import { guestObstacle, installGuest, runGuest } from './lib/guest.mjs';
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { installPrograms, programsObstacle } from './lib/programs.mjs';
import {
  build,
  cacheDirectory,
  closingLine,
  inProject,
  install,
  runMeanwhile,
  tool,
} from './lib/project.mjs';

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

// The lanes run in parallel, the suites of a lane one after the other. The output of the first lane is shown as it
// runs. The longest suite is split over two lanes, each half in its own mount namespace.
const lanes = [['integration 1/2'], ['integration 2/2'], ['unit', 'crash', 'conformance', 'guest']];

const results = join(cacheDirectory, 'test-results');
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const durations = [];

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
  const ready = names.filter(prepareSuite);
  const wanted = lanes
    .map((lane) =>
      lane.map(suitePart).filter(({ name, part }) => ready.includes(name) && isWanted(part, paths)),
    )
    .filter((lane) => lane.length > 0);
  const running = wanted.map((lane, index) => startLane(lane, paths, index > 0));
  for (const show of running) await show();
  process.stdout.write(`\n${durations.join('\n')}\n`);
  if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.join('\n')}\n\n`);
  process.stdout.write(`${closingLine(total)}\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

/** A suite, or a part of one: `integration 1/2`. */
function suitePart(text) {
  const [name, part] = text.split(' ');
  return { name, part };
}

/** With paths there may be fewer files than parts, so the first part runs them all. */
function isWanted(part, paths) {
  return paths.length === 0 || part === undefined || part.startsWith('1/');
}

/**
 * Starts the suites of a lane, one after the other.
 * @returns a function that waits for their end and then shows the held-back output
 */
function startLane(parts, paths, heldBack) {
  // All output must fit into the buffer, or the suite would block until it is read.
  const output = new PassThrough({ highWaterMark: 64 * 1024 ** 2 });
  if (!heldBack) output.pipe(process.stdout, { end: false });
  const running = runLane(parts, paths, output);
  return async () => {
    await running;
    if (heldBack) output.pipe(process.stdout, { end: false });
    output.end();
    await finished(output);
  };
}

async function runLane(parts, paths, output) {
  for (const part of parts) await runSuite(part, paths, output);
}

/**
 * Installs the requirements of a suite.
 * @returns whether this machine can run it
 */
function prepareSuite(name) {
  const { obstacle, prepare } = suites[name];
  const reason = obstacle?.();
  if (reason === undefined) {
    prepare?.();
    return true;
  }
  const verdict = process.env.CI ? 'failed' : 'skipped';
  process.stdout.write(`\n${name}: ${verdict}, because ${reason}\n`);
  total[verdict]++;
  if (verdict === 'failed') failures.push(`${name}: ${reason}`);
  return false;
}

async function runSuite({ name, part }, paths, output) {
  const { inMountNamespace, inGuest } = suites[name];
  const shard = part === undefined || paths.length > 0 ? [] : [`--shard=${part}`];
  const title = shard.length === 0 ? name : `${name} ${part}`;
  const report = join(results, `${title.replace(/[ /]/g, '-')}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = [tool('vitest'), 'run', '--project', name, ...shard, ...reporters, ...paths];
  const env = { UV_THREADPOOL_SIZE: '192', HOST_MOUNT_NAMESPACE: readlinkSync('/proc/self/ns/mnt') };
  const startMs = performance.now();
  count(title, report, await runVitest(vitest, env, { inMountNamespace, inGuest, output }));
  durations.push(`${title}: ${Math.round((performance.now() - startMs) / 1000)} s`);
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
  // The guest has no network; its tests run csi-sanity if it exists.
  if (csiSanityObstacle() === undefined) installCsiSanity();
}

function runVitest(vitest, env, { inMountNamespace, inGuest, output }) {
  const coloured = { ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}), ...env };
  if (inGuest) return runGuest([process.execPath, ...vitest], coloured, output);
  // Its own mount namespace: no test can leave a mount on the host, however it ends.
  const [command, ...args] = inMountNamespace ? inOwnNamespace(vitest) : vitest;
  return runMeanwhile(command, args, { env: { ...process.env, ...coloured } }, output);
}

function count(name, file, status) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    for (const { name: path, message, assertionResults } of report.testResults) {
      const failed = assertionResults.filter((test) => test.status === 'failed');
      failures.push(...failed.map((test) => `${relative(inProject(), path)}: ${test.fullName}`));
      if (message !== '' && failed.length === 0) failures.push(`${relative(inProject(), path)}: ${message}`);
    }
    // A file that fails outside its tests fails the run without a failed test.
    if (status !== 0 && report.numFailedTests === 0) total.failed++;
  } catch {
    failures.push(`${name}: the suite left no report in ${file}`);
    total.failed++;
  }
}
