#!/usr/bin/env node
// Generates every file of the project that is derived from another one.
//
//   node scripts/generate.mjs           writes them
//   node scripts/generate.mjs --check   writes nothing; lists what would change and exits 1 if anything would
//
// In both modes the steps write to a temporary directory with the project's layout, which is then compared or copied.
// So a failed step leaves the tree unchanged, and the check compares exactly what would be written.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const servedProtos = ['csi.proto', 'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto'];

/**
 * One step: `outputs` are the files and directories that only this step writes, relative to the project root; `run`
 * creates them below the given directory.
 * @typedef {{ outputs: string[], run: (outputRoot: string) => void }} Step
 */

/** @type {Step[]} */
const steps = [
  { outputs: ['proto/descriptors.binpb'], run: generateDescriptorSet },
  { outputs: ['proto/definitions.json'], run: generateDefinitions },
  { outputs: ['src/rpc/generated'], run: generateProtoTypes },
  documentStep('docs/options.md', 'scripts/options-doc.ts'),
  documentStep('docs/reference/csi.md', 'scripts/csi-doc.ts'),
  documentStep('docs/decisions/README.md', 'scripts/decisions-doc.ts'),
  documentStep('docs/reference/metrics.md', 'scripts/metrics-doc.ts'),
  documentStep('docs/explanation/scale.md', 'bench/scale/page.ts'),
  // A chart can only read files beneath its own directory.
  documentStep(
    ['deploy/monitoring/alerts.yaml', 'deploy/helm/csi-hostpath/files/alerts.yaml'],
    'scripts/monitoring/alerts.ts',
  ),
  documentStep(
    'deploy/kubernetes/monitoring/prometheus-rule.yaml',
    'scripts/monitoring/alerts.ts',
    '--operator',
  ),
  documentStep(
    ['deploy/monitoring/dashboard.json', 'deploy/helm/csi-hostpath/files/dashboard.json'],
    'scripts/monitoring/dashboard/dashboard.ts',
  ),
];

/** All proto files of the project and the google ones that they import, as one FileDescriptorSet for run time. */
function generateDescriptorSet(outputRoot) {
  const output = join(outputRoot, 'proto/descriptors.binpb');
  fs.mkdirSync(dirname(output), { recursive: true });
  runTool('buf', ['build', 'proto', '--as-file-descriptor-set', '--exclude-source-info', '-o', output]);
}

/**
 * The messages and services as protobufjs reads them at run time, several times faster than the proto files. Without the
 * declarations of custom options and the messages that describe proto files, which would double the time: they concern only
 * readers of descriptors.
 */
function generateDefinitions(outputRoot) {
  const root = new protobuf.Root();
  // The google files are those that protobufjs comes with.
  root.resolvePath = (_importer, file) => {
    const own = join(projectRoot, 'proto', file);
    return fs.existsSync(own) ? own : join(projectRoot, 'node_modules/protobufjs', file);
  };
  root.loadSync(servedProtos, { keepCase: true });
  removeDescriptorParts(root);
  const output = join(outputRoot, 'proto/definitions.json');
  fs.mkdirSync(dirname(output), { recursive: true });
  fs.writeFileSync(output, `${JSON.stringify(root.toJSON())}\n`);
}

function removeDescriptorParts(namespace) {
  for (const item of [...namespace.nestedArray]) {
    const isOption = item instanceof protobuf.Field;
    if (isOption || item.filename?.endsWith('google/protobuf/descriptor.proto')) namespace.remove(item);
    else if (item instanceof protobuf.Namespace) removeDescriptorParts(item);
  }
}

/** TypeScript types of the messages and services that the code uses. */
function generateProtoTypes(outputRoot) {
  runTool('proto-loader-gen-types', [
    '--keepCase',
    '--longs=String',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    '--includeDirs=proto',
    `--outDir=${join(outputRoot, 'src/rpc/generated')}`,
    ...servedProtos,
  ]);
}

/** A text that a script prints, at one or several paths. */
function documentStep(paths, script, ...args) {
  const outputs = [paths].flat();
  const run = (outputRoot) => {
    const text = execFileSync(process.execPath, ['--import', 'tsx', script, ...args], { cwd: projectRoot });
    for (const output of outputs) {
      fs.mkdirSync(join(outputRoot, dirname(output)), { recursive: true });
      fs.writeFileSync(join(outputRoot, output), text);
    }
  };
  return { outputs, run };
}

/** Runs a tool of the devDependencies from the project root; its standard error is passed through. */
function runTool(name, args) {
  const binary = join(projectRoot, 'node_modules/.bin', name);
  execFileSync(binary, args, { cwd: projectRoot, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The files at or beneath a path, as paths relative to `root`; empty if nothing exists there. */
function filesBelow(root, path) {
  const absolute = join(root, path);
  if (!fs.existsSync(absolute)) return [];
  if (fs.statSync(absolute).isFile()) return [path];
  return fs.readdirSync(absolute).flatMap((entry) => filesBelow(root, join(path, entry)));
}

/** The differences at one output between the tree and the fresh copy, one line per file. */
function differencesAt(output, freshRoot) {
  const fresh = new Set(filesBelow(freshRoot, output));
  const present = new Set(filesBelow(projectRoot, output));
  const missing = [...fresh].filter((path) => !present.has(path)).map((path) => `missing: ${path}`);
  const stale = [...present].filter((path) => !fresh.has(path)).map((path) => `stale:   ${path}`);
  const changed = [...fresh]
    .filter((path) => present.has(path))
    .filter(
      (path) => !fs.readFileSync(join(projectRoot, path)).equals(fs.readFileSync(join(freshRoot, path))),
    )
    .map((path) => `changed: ${path}`);
  return [...missing, ...stale, ...changed];
}

/** Replaces an output with the fresh copy, and removes stale files. */
function replaceOutput(output, freshRoot) {
  fs.rmSync(join(projectRoot, output), { recursive: true, force: true });
  fs.cpSync(join(freshRoot, output), join(projectRoot, output), { recursive: true });
}

/** Lists the differences and returns the exit status. */
function check(outputs, freshRoot) {
  const differences = outputs.flatMap((output) => differencesAt(output, freshRoot)).sort();
  if (differences.length === 0) return 0;
  console.error('Generated files are out of date; run `node scripts/generate.mjs`:');
  for (const line of differences) console.error(`  ${line}`);
  return 1;
}

function main(args) {
  const unknown = args.filter((arg) => arg !== '--check');
  if (unknown.length > 0) {
    console.error(`Unknown argument: ${unknown.join(' ')}; the only option is --check.`);
    return 2;
  }
  const outputs = steps.flatMap((step) => step.outputs);
  const freshRoot = fs.mkdtempSync(join(tmpdir(), 'generate-'));
  try {
    for (const step of steps) step.run(freshRoot);
    if (args.includes('--check')) return check(outputs, freshRoot);
    for (const output of outputs) replaceOutput(output, freshRoot);
    return 0;
  } finally {
    fs.rmSync(freshRoot, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv.slice(2));
