// npm run check: all checks of the source that need no test run. Every check runs, even after one has failed.
import { closingLine, install, run, tool } from './lib/project.mjs';

const checks = {
  'formatting and lint': [tool('biome'), ['ci', '.']],
  layers: [tool('depcruise'), ['src', '--config', '.dependency-cruiser.cjs']],
  types: [tool('tsc'), ['--noEmit']],
  'unused files, exports and dependencies': [tool('knip'), []],
  'checksums of dependencies': [process.execPath, ['scripts/complete-lock.mjs', '--check']],
  'generated files': [process.execPath, ['scripts/generate.mjs', '--check']],
};

install();
const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, [command, args]] of Object.entries(checks)) {
  const isGood = run(command, args) === 0;
  total[isGood ? 'passed' : 'failed']++;
  process.stdout.write(`${isGood ? 'ok' : 'FAILED'}: ${name}\n`);
}
process.stdout.write(`${closingLine(total)}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
