// Programs that tests use, built from their Go modules.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, mustRun } from '../project.mjs';

/**
 * A program and its version. `obstacle` returns why it is not available on this machine, or undefined; `install` builds
 * it, unless it already exists.
 */
export function goProgram(name, source, version) {
  const directory = join(cacheDirectory, `${name}-${version}`);
  const path = join(directory, name);
  const obstacle = () => {
    if (existsSync(path) || spawnSync('go', ['version']).status === 0) return undefined;
    return `building ${name} needs Go, which is not installed`;
  };
  const install = () => {
    if (existsSync(path)) return;
    mkdirSync(directory, { recursive: true });
    mustRun('go', ['install', `${source}@${version}`], { env: { ...process.env, GOBIN: directory } });
  };
  return { path, obstacle, install };
}
