// npm run test:guest [FILE…]: runs the tests that need the quotas of XFS and ext4, in a guest kernel that has them.
// They are one vitest project, as the suites of `npm test` are, and its words are taken as filters of files.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { guestObstacle, installGuest, runGuest } from './lib/guest.mjs';
import { build, cacheDirectory, closingLine, fail, install, tool } from './lib/project.mjs';

const output = join(cacheDirectory, 'test-results', 'guest.json');

const obstacle = guestObstacle();
if (obstacle !== undefined) fail(`The guest cannot run here, because ${obstacle}.`);
install();
build();
installGuest();
mkdirSync(join(cacheDirectory, 'test-results'), { recursive: true });
rmSync(output, { force: true });
const status = await runGuest(
  [
    process.execPath,
    tool('vitest'),
    'run',
    '--project=guest',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${output}`,
    ...process.argv.slice(2),
  ],
  { UV_THREADPOOL_SIZE: '16' },
);
process.stdout.write(`${closingLine(counts())}\n`);
process.exitCode = status;

function counts() {
  try {
    const report = JSON.parse(readFileSync(output, 'utf8'));
    // A file that fails outside its tests fails the run without a failed test.
    const failed = report.numFailedTests || (status === 0 ? 0 : 1);
    return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
