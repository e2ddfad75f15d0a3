// The programs that `npm run bench` uses: its client in Go, its floor in C, and the driver as it is shipped.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, inProject, mustRun } from './project.mjs';

const directory = join(cacheDirectory, 'bench');

/** Why they cannot be built on this machine, or undefined. */
export function benchProgramsObstacle() {
  const missing = [
    ['go', 'version'],
    ['gcc', '--version'],
  ].find(([program, flag]) => spawnSync(program, [flag]).status !== 0);
  return missing && `it needs ${missing[0]}, which is not installed`;
}

/** Builds them. */
export function buildBenchPrograms() {
  mkdirSync(directory, { recursive: true });
  const flags = ['-trimpath', '-buildvcs=false', '-o', join(directory, 'client'), '.'];
  mustRun('go', ['build', ...flags], {
    cwd: inProject('bench', 'client'),
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' },
  });
  const source = inProject('bench', 'floor', 'floor.c');
  mustRun('gcc', ['-O2', '-Wall', '-pthread', '-o', join(directory, 'floor'), source]);
  mustRun(process.execPath, [
    '--import',
    'tsx',
    inProject('scripts', 'image', 'bundle.ts'),
    join(directory, 'bundle'),
  ]);
}
