import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { temporaryDirectory } from '../temporary-directory.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const source = 'https://git.example.org/csi-driver-hostpath';

/** What krew requires (its index's validate-krew-manifest). */
const pluginSchema = z.strictObject({
  apiVersion: z.literal('krew.googlecontainertools.github.com/v1alpha2'),
  kind: z.literal('Plugin'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) }),
  spec: z.strictObject({
    version: z.string().regex(/^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/),
    homepage: z.url(),
    shortDescription: z.string().min(1).max(50),
    description: z.string().min(1),
    caveats: z.string().optional(),
    platforms: z
      .array(
        z.strictObject({
          selector: z.strictObject({
            matchExpressions: z.array(
              z.strictObject({
                key: z.enum(['os', 'arch']),
                operator: z.literal('In'),
                values: z.array(z.enum(['linux', 'darwin', 'windows', 'amd64', 'arm64'])).min(1),
              }),
            ),
          }),
          uri: z.url().regex(/\.(tar\.gz|zip)$/),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          files: z.array(z.strictObject({ from: z.string(), to: z.string() })).min(1),
          bin: z.string(),
        }),
      )
      .min(1),
  }),
});

function publish(): string {
  const directory = temporaryDirectory();
  execFileSync(process.execPath, ['scripts/release/kubectl-plugin.mjs', directory, source]);
  return directory;
}

test('the manifest in the repository is one for krew', () => {
  pluginSchema.parse(parse(readFileSync('deploy/kubectl/hostpath.yaml', 'utf8')));
});

test('a release has an archive whose address and checksum are in its manifest', () => {
  const [directory, again] = [publish(), publish()];
  const archive = `kubectl-hostpath-${version}.tar.gz`;
  const bytes = readFileSync(join(directory, archive));
  expect(readFileSync(join(again, archive))).toEqual(bytes);
  const { spec } = pluginSchema.parse(parse(readFileSync(join(directory, 'hostpath.yaml'), 'utf8')));
  expect(spec).toMatchObject({ version: `v${version}`, homepage: source });
  const [platform] = spec.platforms;
  expect(platform?.uri).toBe(`${source}/releases/download/v${version}/${archive}`);
  expect(platform?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  const listed = execFileSync('tar', ['--list', '--verbose', '--file', join(directory, archive)]).toString();
  const names = listed.match(/\S+$/gm);
  expect(names).toEqual(platform?.files.map(({ from }) => from));
  expect(names).toContain(platform?.bin);
  expect(listed).toMatch(/^-rwxr-xr-x .* kubectl-hostpath$/m);
});
