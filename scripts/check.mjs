// npm run check: all checks of the source that need no test run. Every check runs, even after one has failed. One that this
// machine cannot run is skipped and the reason shown; in CI this is a failure, unless its tool cannot be downloaded: then
// the source may still be right.
import { closingLine, install, run, tool } from './lib/project.mjs';
import { buildGoTool, goToolObstacle, goToolPath } from './tools/go-tool.mjs';

const node = process.execPath;
const actionlint = 'scripts/tools/actionlint';
const checks = {
  'formatting and lint': { command: [tool('biome'), ['ci', '.']] },
  layers: { command: [tool('depcruise'), ['src', '--config', '.dependency-cruiser.cjs']] },
  types: { command: [tool('tsc'), ['--noEmit']] },
  'unused files, exports and dependencies': { command: [tool('knip'), []] },
  'dependency checksums': { command: [node, ['scripts/complete-lock.mjs', '--check']] },
  'generated files': { command: [node, ['scripts/generate.mjs', '--check']] },
  versions: { command: [node, ['scripts/check-release.mjs']] },
  // It uses shellcheck as well, if that is installed.
  workflows: {
    obstacle: () => goToolObstacle(actionlint),
    prepare: () => buildGoTool(actionlint),
    command: [goToolPath(actionlint), []],
  },
};

install();
const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, check] of Object.entries(checks)) {
  const reason = check.obstacle?.();
  if (reason !== undefined) {
    const verdict = process.env.CI ? 'failed' : 'skipped';
    total[verdict]++;
    process.stdout.write(`${verdict === 'failed' ? 'FAILED' : 'skipped'}: ${name}: ${reason}\n`);
    continue;
  }
  try {
    check.prepare?.();
  } catch (error) {
    total.skipped++;
    process.stdout.write(`skipped: ${name}: ${error.message}\n`);
    continue;
  }
  const [command, args] = check.command;
  const isGood = run(command, args) === 0;
  total[isGood ? 'passed' : 'failed']++;
  process.stdout.write(`${isGood ? 'ok' : 'FAILED'}: ${name}\n`);
}
process.stdout.write(`${closingLine(total)}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
