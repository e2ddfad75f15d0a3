// Programs that are built from Go modules, each pinned by its own go.mod: `scripts/tools/actionlint`.
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
export function goToolPath(module) {
  return join(directory, basename(module));
}

/** Why a tool is not available on this machine, or undefined. */
export function goToolObstacle(module) {
  if (isBuilt(module) || spawnSync('go', ['version']).status === 0) return undefined;
  return `building ${basename(module)} needs Go, which is not installed`;
}

/**
 * Builds a tool, unless that has been done.
 * @throws Error if that fails, for instance because the module cannot be downloaded
 */
export function buildGoTool(module) {
  if (isBuilt(module)) return;
  const [, program] = /^tool (\S+)$/m.exec(readFileSync(inProject(module, 'go.mod'), 'utf8'));
  process.stderr.write(`Building ${basename(module)} from its Go module…\n`);
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w'];
  const status = run('go', ['build', ...flags, '-o', goToolPath(module), program], {
    cwd: inProject(module),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' },
  });
  if (status !== 0) throw new Error(`${basename(module)} cannot be built from its Go module`);
  writeFileSync(stampPath(module), pinned(module));
}

function isBuilt(module) {
  const stamp = stampPath(module);
  return (
    existsSync(goToolPath(module)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === pinned(module)
  );
}

function stampPath(module) {
  return join(directory, `.${basename(module)}`);
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
