// Programs that are built from Go modules, which pin their versions: `scripts/tools/actionlint`. A module with one program
// is named after it.
//
//   node scripts/tools/go-tool.mjs MODULE    builds one, unless that has been done, and prints its path
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, inProject, run } from '../lib/project.mjs';

const directory = join(cacheDirectory, 'tools');

/** The path of a tool, which may have to be built first. */
export function goToolPath(module, program = basename(module)) {
  return join(directory, program);
}

/** Why a tool is not available on this machine, or undefined. */
export function goToolObstacle(module, program = basename(module)) {
  if (isBuilt(module, program) || spawnSync('go', ['version']).status === 0) return undefined;
  return `building ${program} needs Go, which is not installed`;
}

/**
 * Builds a tool, unless that has been done.
 * @throws Error if that fails, for instance because the module cannot be downloaded
 */
export function buildGoTool(module, { program = basename(module), tags = [] } = {}) {
  if (isBuilt(module, program)) return;
  process.stderr.write(`Building ${program} from its Go module…\n`);
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w', `-tags=${tags.join()}`];
  const status = run(
    'go',
    ['build', ...flags, '-o', goToolPath(module, program), packageOf(module, program)],
    {
      cwd: inProject(module),
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' },
    },
  );
  if (status !== 0) throw new Error(`${program} cannot be built from its Go module`);
  writeFileSync(stampPath(program), pinned(module));
}

/** The package of a program among the tools of a module, which are on a line of their own each. */
function packageOf(module, program) {
  const lines = readFileSync(inProject(module, 'go.mod'), 'utf8').split('\n');
  const packages = lines.map((line) => /^(?:tool |\t)(\S+)$/.exec(line)?.[1] ?? '');
  return packages.find((each) => basename(each) === program);
}

function isBuilt(module, program) {
  const stamp = stampPath(program);
  return (
    existsSync(goToolPath(module, program)) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === pinned(module)
  );
}

function stampPath(program) {
  return join(directory, `.${program}`);
}

function pinned(module) {
  return createHash('sha256')
    .update(readFileSync(inProject(module, 'go.sum')))
    .digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [module] = process.argv.slice(2);
  buildGoTool(module);
  process.stdout.write(`${goToolPath(module)}\n`);
}
