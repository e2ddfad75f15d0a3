// kubectl-plugin.mjs DIRECTORY SOURCE: packs the plugin for kubectl as releases have it, and writes the manifest for krew that has the
// checksum of the archive, which is the same for the same content. SOURCE is the address of the repository.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fail, inProject } from '../lib/project.mjs';

const [directory, source] = process.argv.slice(2);
if (source === undefined) fail('Usage: kubectl-plugin.mjs DIRECTORY SOURCE');
const { version } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'));
const archive = `kubectl-hostpath-${version}.tar.gz`;
const bytes = packed(['deploy/kubectl/kubectl-hostpath', 'LICENSE']);
writeFileSync(join(directory, archive), bytes);
writeFileSync(join(directory, 'hostpath.yaml'), manifest());

function packed(files) {
  const scratch = mkdtempSync(join(tmpdir(), 'plugin-'));
  try {
    const names = files.map((file) => file.split('/').at(-1));
    for (const [index, file] of files.entries()) cpSync(inProject(file), join(scratch, names[index]));
    const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    const modes = ['--mode=u=rwX,go=rX'];
    const words = [...reproducible, ...modes, '--create', '--file=-', '--directory', scratch, ...names];
    const { status, stdout, error } = spawnSync('tar', words, { maxBuffer: 2 ** 20 });
    if (status !== 0) fail(`The plugin could not be packed${error ? `: ${error.message}` : ''}.`);
    return gzipSync(stdout, { level: 9 });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function manifest() {
  const values = {
    'v0.0.0': `v${version}`,
    'https://example.invalid/csi-driver-hostpath': source,
    'https://example.invalid/kubectl-hostpath.tar.gz': `${source}/releases/download/v${version}/${archive}`,
    ['0'.repeat(64)]: createHash('sha256').update(bytes).digest('hex'),
  };
  const template = readFileSync(inProject('deploy/kubectl/hostpath.yaml'), 'utf8').replace(/^#.*\n/gm, '');
  return Object.entries(values).reduce((text, [placeholder, value]) => {
    if (!text.includes(placeholder)) fail(`The manifest of the plugin lacks ${placeholder}.`);
    return text.replace(placeholder, value);
  }, template);
}
