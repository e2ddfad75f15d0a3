// npm test [SUITE…] [PATH…]: installs the requirements and runs the suites, by default all but those that run only on
// request; with paths, only the tests in them. A suite that this machine cannot run is skipped and the reason shown; in CI
// this is a failure.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { chromiumObstacle, installChromium } from './lib/chromium.mjs';
import { installCsiProvisioner } from './lib/go/csi-provisioner.mjs';
import { csiSanityObstacle, installCsiSanity } from './lib/go/csi-sanity.mjs';
import { installGrpcurl } from './lib/go/grpcurl.mjs';
import { installPrometheus, prometheusObstacle } from './lib/go/prometheus.mjs';
import {
  guestObstacle,
  installGuest,
  installPolicyCompiler,
  runGuest,
  selinuxObstacle,
  selinuxOptions,
} from './lib/guest.mjs';
import { isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { installPrograms, installStrace, programsObstacle } from './lib/programs.mjs';
import {
  build,
  cacheDirectory,
  closingLine,
  inProject,
  install,
  runInBackground,
  tool,
} from './lib/project.mjs';

const suites = {
  unit: {},
  integration: { obstacle: mountsObstacle, prepare: installPrograms },
  crash: { obstacle: mountsObstacle, prepare: installPrograms },
  attacks: { obstacle: mountsObstacle, prepare: prepareAttacks },
  conformance: { obstacle: () => mountsObstacle() ?? csiSanityObstacle(), prepare: prepareConformance },
  guest: { obstacle: () => programsObstacle() ?? guestObstacle(), prepare: prepareGuest },
  // In a guest whose kernel was started with SELinux.
  selinux: { obstacle: () => programsObstacle() ?? selinuxObstacle(), prepare: prepareSelinux },
  // Building Prometheus and csi-provisioner takes minutes.
  monitoring: {
    obstacle: () => mountsObstacle() ?? prometheusObstacle(),
    prepare: prepareMonitoring,
    onRequest: true,
  },
  // Chromium and what it needs are 500 MB.
  browser: {
    obstacle: () => mountsObstacle() ?? chromiumObstacle(),
    prepare: prepareBrowser,
    onRequest: true,
  },
  // 100,000 lives of volumes take many minutes.
  soak: { obstacle: mountsObstacle, prepare: installPrograms, onRequest: true },
};

/** The suites that run in a guest, and the options of its kernel. */
const guests = { guest: [], selinux: selinuxOptions };
// The guest gets no other variables.
const guestSettings = [
  'GUEST_TESTS',
  'CRASH_STEPS',
  'POWER_POINTS',
  'POWER_SEED',
  'ATTACK_FACTOR',
  'ATTACK_SEED',
  'DISK_LOADS',
  'DISK_SEED',
];
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
    process.stderr.write(`Unknown suite ${unknown}; available: ${Object.keys(suites).join(', ')}\n`);
    process.exit(2);
  }
  install();
  build();
  // Not imported earlier, because it needs what was installed.
  const { buildTestDrivers } = await import('./lib/test-drivers.mjs');
  await buildTestDrivers();
  mkdirSync(results, { recursive: true });
  if (!isRoot) process.stdout.write(`${ordinaryUserNote}\n`);
  const ready = wantedSuites(chosen, paths).filter(prepareSuite);
  const machines = {
    host: ready.filter((name) => !(name in guests)),
    ...Object.fromEntries(Object.keys(guests).map((name) => [name, ready.filter((each) => each === name)])),
  };
  let guest = Promise.resolve();
  const running = Object.entries(machines)
    .filter(([, names]) => names.length > 0)
    .map(([machine, names], index) => {
      // One guest after the other.
      const before = machine === 'host' ? Promise.resolve() : guest;
      const suite = startSuites(machine, names, paths, index > 0, before);
      if (machine !== 'host') guest = suite.ended;
      return suite.show;
    });
  for (const show of running) await show();
  process.stdout.write(`\n${durations.join('\n')}\n`);
  if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.join('\n')}\n\n`);
  process.stdout.write(`${closingLine(total)}\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

/** The suites that are named, or that the paths lie in; else all that do not run only on request. */
function wantedSuites(chosen, paths) {
  const names = Object.keys(suites);
  const wanted = chosen.length > 0 ? chosen : names.filter((name) => paths.some((path) => isIn(name, path)));
  return wanted.length > 0 ? wanted : names.filter((name) => !suites[name].onRequest);
}

function isIn(suite, path) {
  return relative(inProject('test'), inProject(path)).startsWith(suite);
}

/**
 * Starts the suites of a machine: the host's run their files side by side.
 * @param before what they wait for
 * @returns their end, and a function that waits for it and then shows the held-back output
 */
function startSuites(machine, names, paths, heldBack, before) {
  // All output must fit into the buffer, or the suites would block until it is read.
  const output = new PassThrough({ highWaterMark: 64 * 1024 ** 2 });
  if (!heldBack) output.pipe(process.stdout, { end: false });
  const ended = before.then(() => runSuites(machine, names, paths, output));
  const show = async () => {
    await ended;
    if (heldBack) output.pipe(process.stdout, { end: false });
    output.end();
    await finished(output);
  };
  return { ended, show };
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
  process.stdout.write(`\n${name}: ${verdict}: ${reason}\n`);
  total[verdict]++;
  if (verdict === 'failed') failures.push(`${name}: ${reason}`);
  return false;
}

async function runSuites(machine, names, paths, output) {
  const report = join(results, `${machine}.json`);
  const errors = join(results, `${machine}-errors.json`);
  for (const file of [report, errors]) rmSync(file, { force: true });
  const projects = names.flatMap((name) => ['--project', name]);
  const errorsReporter = inProject('scripts/lib/errors-reporter.mjs');
  const reporters = ['default', 'json', errorsReporter].map((name) => `--reporter=${name}`);
  reporters.push(`--outputFile.json=${report}`);
  const vitest = [tool('vitest'), 'run', ...projects, ...reporters, ...paths];
  count(machine, report, errors, await runVitest(vitest, machine, errors, output));
}

function mountsObstacle() {
  return namespaceObstacle() ?? programsObstacle();
}

function prepareAttacks() {
  installPrograms();
  installStrace();
}

function prepareConformance() {
  installPrograms();
  installCsiSanity();
  installGrpcurl();
}

function prepareMonitoring() {
  installPrograms();
  installPrometheus();
  installCsiProvisioner();
}

function prepareBrowser() {
  installPrograms();
  installChromium();
}

function prepareGuest() {
  installPrograms();
  installGuest();
  // The guest has no network; its tests run csi-sanity if it exists.
  if (csiSanityObstacle() === undefined) installCsiSanity();
}

function prepareSelinux() {
  prepareGuest();
  installPolicyCompiler();
}

function runVitest(vitest, machine, errors, output) {
  const colors = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const env = { UV_THREADPOOL_SIZE: '192', ERRORS_FILE: errors, ...colors };
  for (const name of guestSettings) if (process.env[name] !== undefined) env[name] = process.env[name];
  if (machine in guests) return runGuest([process.execPath, ...vitest], env, output, guests[machine]);
  // The guest takes longest and can use only one processor: it gets that, and the host's suites the rest.
  return runInBackground('nice', vitest, { env: { ...process.env, ...env } }, output);
}

function count(machine, file, errors, status) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    addDurations(report.testResults);
    for (const { name: path, message, assertionResults } of report.testResults) {
      const failed = assertionResults.filter((test) => test.status === 'failed');
      failures.push(...failed.map((test) => `${relative(inProject(), path)}: ${test.fullName}`));
      if (message !== '' && failed.length === 0) failures.push(`${relative(inProject(), path)}: ${message}`);
    }
    // What fails outside a test fails the run without a failed test.
    if (status !== 0 && report.numFailedTests === 0) {
      total.failed++;
      failures.push(
        ...JSON.parse(readFileSync(errors, 'utf8')).map((error) => `${machine}, outside its tests: ${error}`),
      );
    }
  } catch {
    failures.push(`${machine}: the suites wrote no report to ${file}`);
    total.failed++;
  }
}

/** Adds up the time of each suite's files, more than one of which may run at once. */
function addDurations(files) {
  for (const name of Object.keys(suites)) {
    const own = files.filter((file) => isIn(name, relative(inProject(), file.name)));
    const totalMs = own.reduce((sum, { startTime, endTime }) => sum + endTime - startTime, 0);
    if (own.length > 0) durations.push(`${name}: ${Math.round(totalMs / 1000)} s in ${own.length} files`);
  }
}
