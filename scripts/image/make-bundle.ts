// The driver as in its image: one file of JavaScript for it and its dependencies, and the files that it reads.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { inProject } from '../lib/project.mjs';
import { billOfMaterials } from './bill-of-materials.ts';
import { bundledPackages, licenseTexts, type Package, packageIn } from './packages.ts';
import { RuntimeFiles } from './runtime-files.ts';
import { withLinesOfSources } from './source-lines.ts';

/** Debian's names, which Docker uses as well. */
export type Architecture = 'amd64' | 'arm64';

/** What a bundle runs on, and where its native modules are installed. */
export interface Target {
  readonly architecture: Architecture;
  readonly nodeModules: string;
}

// The driver and its workers.
const programs = ['main.ts', 'kernel/workers/worker.ts'];

const nodesName = { amd64: 'x64', arm64: 'arm64' } as const;

// Dependencies are CommonJS modules that expect these. The names must not be those of a module of the bundle.
const commonJs = [
  `import { createRequire as createRequireOfBundle } from 'node:module';`,
  `import { fileURLToPath as pathOfBundle } from 'node:url';`,
  'const require = createRequireOfBundle(import.meta.url);',
  `const __dirname = pathOfBundle(new URL('.', import.meta.url)).slice(0, -1);`,
].join(' ');

/**
 * Writes `main.js`, `worker.js`, their source maps, the files that it reads, the licenses of its dependencies, and the list of them, to a new
 * directory. Nothing else is needed to run it, but Node.
 */
export async function makeBundle(directory: string, { architecture, nodeModules }: Target): Promise<void> {
  const files = new RuntimeFiles();
  const { metafile } = await build({
    absWorkingDir: inProject(),
    entryPoints: programs.map((path) => inProject('src', path)),
    outdir: directory,
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Stack traces have the names of functions and their lines.
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    banner: { js: commonJs },
    metafile: true,
    plugins: [files.plugin],
    logLevel: 'error',
  });
  for (const path of programs) {
    editFile(join(directory, `${basename(path, '.ts')}.js.map`), (text) =>
      withLinesOfSources(text, directory),
    );
  }

  const platform = `linux-${nodesName[architecture]}`;
  const native = packageIn(join(nodeModules, '@koromix', `koffi-${platform}`));
  files.add('koffi.node', join(native.directory, platform.replace('-', '_'), 'koffi.node'));
  for (const [name, source] of files.sources) copy(source, join(directory, name));
  writeLists(directory, metafile, native);
}

function writeLists(directory: string, metafile: Metafile, native: Package): void {
  const { name, version, license } = packageIn(inProject());
  const packages = bundledPackages(metafile, native);
  writeJson(join(directory, 'package.json'), { name, version, license, type: 'module' });
  writeJson(join(directory, 'dependencies.cdx.json'), billOfMaterials({ name, version, license }, packages));
  writeFileSync(join(directory, 'dependencies-licenses.txt'), licenseTexts(packages));
}

function editFile(path: string, edit: (text: string) => string): void {
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

function copy(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
