// e2e-summary.mjs REPORT COUNTS: a summary of a report of Kubernetes' suite, with the reason for each skipped test; the
// numbers of passed and failed tests go to the file COUNTS. Exits with 1 if a test failed or none passed.
import { readFileSync, writeFileSync } from 'node:fs';

const [report, countsFile] = process.argv.slice(2);
const suites = JSON.parse(readFileSync(report, 'utf8'));
const tests = suites
  .flatMap(({ SpecReports }) => SpecReports ?? [])
  .filter(({ LeafNodeType }) => LeafNodeType === 'It');

/** The tests in a state, without those that the focus left out. */
const inState = (...states) =>
  tests.filter(
    ({ State, NumAttempts }) => states.includes(State) && (State !== 'skipped' || NumAttempts > 0),
  );
const titleOf = ({ ContainerHierarchyTexts, LeafNodeText }) =>
  [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ').replace(/^External Storage /, '');

const passed = inState('passed');
const skipped = inState('skipped', 'pending');
const failed = tests.filter(({ State }) => !['passed', 'skipped', 'pending'].includes(State));
const seconds = Math.round(suites.reduce((sum, { RunTime }) => sum + RunTime, 0) / 1e9);

for (const test of failed) console.log(`FAILED ${titleOf(test)}\n    ${firstLine(test.Failure?.Message)}`);
const reasons = new Map();
for (const { Failure } of skipped) {
  const reason = firstLine(Failure?.Message) || 'no reason given';
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}
for (const [reason, count] of [...reasons].sort(([, a], [, b]) => b - a))
  console.log(`skipped ${count}: ${reason}`);
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped (${seconds} s)`);
writeFileSync(countsFile, `${passed.length} ${failed.length}\n`);
process.exitCode = failed.length > 0 || passed.length === 0 ? 1 : 0;

function firstLine(text = '') {
  return text.trim().split('\n')[0];
}
