// package-chart.mjs DIRECTORY REGISTRY SOURCE: packages the Helm chart as releases have it: its image is in REGISTRY, and its pages
// link to the repository at SOURCE. The environment variable HELM may give the path of Helm. Prints the path of the package.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, inProject } from '../lib/project.mjs';
import { publishedChart } from './published-chart.mjs';

const [directory, registry, source] = process.argv.slice(2);
if (source === undefined) fail('Usage: package-chart.mjs DIRECTORY REGISTRY SOURCE');
const { version } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'));
const scratch = mkdtempSync(join(tmpdir(), 'chart-'));
try {
  const chart = join(scratch, 'csi-hostpath');
  cpSync(inProject('deploy/helm/csi-hostpath'), chart, { recursive: true });
  for (const [name, edit] of Object.entries(publishedChart({ version, registry, source }))) {
    writeFileSync(join(chart, name), edit(readFileSync(join(chart, name), 'utf8')));
  }
  const words = [
    'package',
    chart,
    '--version',
    version,
    '--app-version',
    version,
    '--destination',
    directory,
  ];
  const { status, error } = spawnSync(process.env.HELM ?? 'helm', words, { stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(`The chart could not be packaged${error ? `: ${error.message}` : ''}.`);
  process.stdout.write(`${join(directory, `csi-hostpath-${version}.tgz`)}\n`);
} finally {
  rmSync(scratch, { recursive: true });
}
