#!/usr/bin/env node
// Checks the Helm chart in deploy/helm/csi-hostpath.
//
//   node scripts/check-chart.mjs           exits 1 if anything is wrong
//   node scripts/check-chart.mjs --write   also renews deploy/helm/rendered and the table of values in the chart's README
//
// It needs Helm 3 and kubectl, whose paths the environment variables HELM and KUBECTL may give, and no cluster.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { closingLine, inProject } from './lib/project.mjs';

const helm = process.env['HELM'] ?? 'helm';
const kubectl = process.env['KUBECTL'] ?? 'kubectl';
const canWrite = process.argv.includes('--write');

const chart = inProject('deploy/helm/csi-hostpath');
const renderedDirectory = inProject('deploy/helm/rendered');
const manifests = inProject('deploy/kubernetes');
const presets = fs
  .readdirSync(join(chart, 'presets'))
  .map((name) => name.replace(/\.yaml$/, ''))
  .sort();
// Helm assumes some version if there is no cluster, and a build from source assumes a very old one.
const kubeVersion = ['--kube-version', '1.34.0'];

/** A check returns the problems that it found, one a line. */
const checks = {
  'helm lint': lint,
  'rendered files': compareRenderedFiles,
  'objects of the preset reference': compareReference,
  'values that must be refused': refuseBadValues,
  'two releases in one cluster': compareReleases,
  'descriptions in the schema': checkDescriptions,
  'table of values in the README': compareTable,
  'list of images in Chart.yaml': compareImages,
};

const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, check] of Object.entries(checks)) {
  const problems = problemsOf(check);
  total[problems.length > 0 ? 'failed' : 'passed']++;
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${problems.length > 0 ? 'FAILED' : 'ok'}: ${name}\n`);
}
process.stdout.write(`${closingLine(total)}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;

function problemsOf(check) {
  try {
    return check();
  } catch (error) {
    return [error.message];
  }
}

function lint() {
  return ['', ...presets].flatMap((preset) => {
    const { status, output } = run(helm, ['lint', '--strict', ...kubeVersion, ...presetFlags(preset), chart]);
    return status === 0 ? [] : [`helm lint, ${preset || 'default values'}:\n${output}`];
  });
}

/** Shows in reviews what a change of the chart does to each distribution. Generated alerts and panels are shown elsewhere. */
function compareRenderedFiles() {
  const brief = ['--set', 'metrics.prometheusRule.enabled=false,metrics.dashboard.enabled=false'];
  const expected = new Map(
    ['', ...presets].map((preset) => [
      `${preset || 'default'}.yaml`,
      render([...presetFlags(preset), ...brief]),
    ]),
  );
  if (canWrite) {
    fs.rmSync(renderedDirectory, { recursive: true, force: true });
    fs.mkdirSync(renderedDirectory, { recursive: true });
    for (const [name, text] of expected) fs.writeFileSync(join(renderedDirectory, name), text);
  }
  const present = fs.existsSync(renderedDirectory) ? fs.readdirSync(renderedDirectory) : [];
  const superfluous = present.filter((name) => !expected.has(name));
  return [
    ...superfluous.map((name) => `deploy/helm/rendered/${name}: no such preset; delete the file`),
    ...[...expected].flatMap(([name, text]) => compareFile(name, text, present.includes(name))),
  ];
}

function compareFile(name, text, isPresent) {
  if (!isPresent) return [`deploy/helm/rendered/${name}: missing; run with --write`];
  const lines = fs.readFileSync(join(renderedDirectory, name), 'utf8').split('\n');
  const newLines = text.split('\n');
  const index = newLines.findIndex((line, number) => line !== lines[number]);
  if (index < 0 && lines.length === newLines.length) return [];
  const line = index < 0 ? newLines.length : index;
  return [
    `deploy/helm/rendered/${name}:${line + 1}: ${quote(lines[line])} is now ${quote(newLines[line])}; run with --write`,
  ];
}

/** The chart and the manifests must not drift apart: people compare them, and the cluster tests run the manifests. */
function compareReference() {
  const classes = [
    '--set-json=snapshotClasses=[{"name":"csi-hostpath-snapclass"}]',
    '--set-json=groupSnapshotClasses=[{"name":"csi-hostpath-groupsnapclass"}]',
  ];
  const metrics = ['--set', 'metrics.enabled=true'];
  const monitoring = [
    ...metrics,
    '--set',
    'metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true',
  ];
  const oneNode = ['--set', 'snapshotter.distributed=false'];
  return [
    ...compareWithManifests(['base'], []),
    ...compareWithManifests(['one-node'], oneNode),
    ...compareWithManifests(['base', 'snapshot-classes'], classes),
    ...compareWithManifests(['base'], metrics, 'metrics'),
    ...compareWithManifests(['base'], monitoring, 'monitoring'),
    ...compareWithManifests(['one-node'], [...oneNode, ...monitoring], 'monitoring'),
  ];
}

function compareWithManifests(directories, flags, component) {
  const source = `deploy/kubernetes/{${[...directories, ...(component ? [component] : [])]}}`;
  const wanted = directories
    .flatMap((directory) =>
      parse(component ? buildWith(directory, component) : build(join(manifests, directory))),
    )
    // Helm creates the namespace, or the user does.
    .filter(({ kind }) => kind !== 'Namespace');
  const actual = new Map(
    parse(render([...presetFlags('reference'), ...flags])).map((object) => [identity(object), object]),
  );
  const problems = [];
  for (const object of wanted) {
    const other = actual.get(identity(object));
    if (!other) problems.push(`${source}: the chart lacks ${identity(object)}`);
    else {
      for (const line of differences(withoutHelmLabels(object), withoutHelmLabels(other))) {
        problems.push(`${source}: ${identity(object)}${line}`);
      }
    }
    actual.delete(identity(object));
  }
  return [...problems, ...[...actual.keys()].map((name) => `${source}: only the chart has ${name}`)];
}

function build(directory) {
  return mustRun(kubectl, ['kustomize', directory]);
}

/** The manifests of an overlay with a component, which cannot be built alone. */
function buildWith(directory, component) {
  const overlay = fs.mkdtempSync(join(tmpdir(), 'check-chart-'));
  const fromOverlay = (name) => JSON.stringify(relative(fs.realpathSync(overlay), join(manifests, name)));
  try {
    const text = `resources: [${fromOverlay(directory)}]\ncomponents: [${fromOverlay(component)}]\n`;
    fs.writeFileSync(join(overlay, 'kustomization.yaml'), text);
    return build(overlay);
  } finally {
    fs.rmSync(overlay, { recursive: true });
  }
}

function refuseBadValues() {
  const bad = {
    "additional properties 'unknown'": ['unknown=1'],
    "additional properties 'kubeletDir'": ['node.kubeletDir=/var/lib/kubelet'],
    "additional properties 'repo'": ['sidecars.resizer.image.repo=x'],
    'got string, want integer': ['logLevel=high'],
    "at '/driverName'": ['driverName=Host_Path'],
    "at '/node/kubeletPath'": ['node.kubeletPath=/var/lib/../kubelet'],
    'Linux allows 107': [
      `driverName=${'x'.repeat(63)}`,
      'node.kubeletPath=/var/snap/microk8s/common/var/lib/kubelet',
    ],
    'two pools have the name "default"': ['node.pools[0].name=default', 'node.pools[0].path=/mnt'],
    "at '/node/pools/0/nodes/0'": [
      'node.pools[0].name=a',
      'node.pools[0].path=/mnt',
      'node.pools[0].nodes={}',
    ],
    'two classes have the name "same"': ['storageClasses[0].name=same', 'storageClasses[1].name=same'],
    'metrics.serviceMonitor.enabled: needs metrics.enabled': ['metrics.serviceMonitor.enabled=true'],
    "at '/metrics/serviceMonitor/interval'": ['metrics.serviceMonitor.interval=often'],
    'there is no alert "CSIHostpathNone"': ['metrics.prometheusRule.disabledAlerts={CSIHostpathNone}'],
  };
  return Object.entries(bad).flatMap(([message, settings]) => {
    const flags = settings.flatMap((setting) => ['--set', setting]);
    const { status, output } = run(helm, ['template', 'release', chart, ...kubeVersion, ...flags]);
    if (status === 0) return [`accepted: ${settings.join(' ')}`];
    return output.includes(message) ? [] : [`${settings.join(' ')}: expected "${message}", not:\n${output}`];
  });
}

/** Two releases with their own driver names share neither objects nor directories, even in one namespace. */
function compareReleases() {
  const one = parse(render([]));
  const two = parse(render(['--set', 'driverName=second.csi.example.org'], 'second'));
  const shared = (list) => [...new Set(list(one))].filter((entry) => list(two).includes(entry));
  // The kubelet's own directories and /dev, in which each driver has its own names.
  const common = [
    '/dev',
    '/var/lib/kubelet/plugins',
    '/var/lib/kubelet/plugins_registry',
    '/var/lib/kubelet/pods',
  ];
  const [selectorOfOne, selectorOfTwo] = [one, two].map((objects) => daemonSet(objects).spec.selector);
  return [
    ...shared((objects) => objects.map(identity)).map((name) => `both releases have ${name}`),
    ...shared((objects) => hostPaths(objects).filter((path) => !common.includes(path))).map(
      (path) => `both releases use the directory ${path}`,
    ),
    ...(isDeepStrictEqual(selectorOfOne, selectorOfTwo) ? ['both releases have the same selector'] : []),
  ];
}

function checkDescriptions() {
  return properties(schema())
    .filter(({ property }) => !property.description)
    .map(({ path }) => `values.schema.json: ${path} has no description`);
}

/** The table has the values of values.yaml, with the descriptions of the schema. */
function compareTable() {
  const readmePath = join(chart, 'README.md');
  const readme = fs.readFileSync(readmePath, 'utf8');
  const [start, end] = ['<!-- values -->\n', '<!-- end of values -->'];
  const [before, rest = ''] = readme.split(start);
  const after = rest.split(end)[1];
  if (after === undefined) return [`README.md: lacks ${start.trim()} or ${end}`];
  const values = parse(fs.readFileSync(join(chart, 'values.yaml'), 'utf8'))[0];
  const { rows, problems } = valueRows(values);
  const updated = [
    before,
    start,
    '| value | default | description |\n|---|---|---|\n',
    ...rows,
    end,
    after,
  ].join('');
  if (canWrite) fs.writeFileSync(readmePath, updated);
  else if (updated !== readme) {
    const lacking = rows.filter((row) => !readme.includes(row));
    problems.push('README.md: the table of values differs; run with --write', ...lacking);
  }
  return problems;
}

function valueRows(values) {
  const problems = [];
  const rows = properties(schema())
    .filter(({ path, property }) => !property.properties && path !== 'global')
    .map(({ path, property }) => {
      const value = path.split('.').reduce((node, key) => node?.[key], values);
      // The fields of a list's elements have no default.
      const isField = path.includes('[]');
      if (value === undefined && !isField)
        problems.push(`values.yaml: lacks ${path}, which is in the schema`);
      return `| \`${path}\` | ${isField ? '' : `\`${JSON.stringify(value)}\` `}| ${property.description} |\n`;
    });
  return { rows, problems };
}

/** Artifact Hub scans the images in this list. */
function compareImages() {
  const [{ annotations }] = parse(fs.readFileSync(join(chart, 'Chart.yaml'), 'utf8'));
  const listed = parse(`items:\n${annotations['artifacthub.io/images']}`)[0].items;
  const used = daemonSet(parse(render([]))).spec.template.spec.containers.map(({ name, image }) => ({
    name,
    image,
  }));
  return differences(listed, used).map((line) => `Chart.yaml, artifacthub.io/images${line}`);
}

function presetFlags(preset) {
  return preset ? ['--values', join(chart, 'presets', `${preset}.yaml`)] : [];
}

function render(flags, release = 'csi-hostpath') {
  return mustRun(helm, ['template', release, chart, '--namespace', 'csi-hostpath', ...kubeVersion, ...flags]);
}

/** The documents of a YAML file. Helm parses them, since Node cannot. */
function parse(text) {
  const directory = fs.mkdtempSync(join(tmpdir(), 'check-chart-'));
  try {
    fs.mkdirSync(join(directory, 'templates'));
    fs.writeFileSync(join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: parser\nversion: 0.0.0\n');
    fs.writeFileSync(
      join(directory, 'templates/documents.yaml'),
      '{{- range .Files.Lines "list" }}\n---\njson: {{ $.Files.Get . | fromYaml | toJson | b64enc }}\n{{- end }}\n',
    );
    const documents = text.split(/^---$/m).filter((document) => /^[^#\s]/m.test(document));
    documents.forEach((document, index) => {
      fs.writeFileSync(join(directory, `document-${index}`), document);
    });
    fs.writeFileSync(join(directory, 'list'), documents.map((_, index) => `document-${index}`).join('\n'));
    const output = mustRun(helm, ['template', 'parser', directory]);
    return [...output.matchAll(/^json: (\S+)$/gm)].map(([, json]) => {
      const value = JSON.parse(Buffer.from(json, 'base64').toString());
      // Helm's function returns a syntax error in this form.
      if (typeof value.Error === 'string') throw new Error(value.Error);
      return value;
    });
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

function mustRun(command, args) {
  const { status, output, stdout } = run(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
  return stdout;
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error) throw new Error(`cannot run ${command}, set HELM and KUBECTL: ${error.message}`);
  return { status, stdout, output: `${stdout}${stderr}` };
}

function identity({ kind, metadata: { namespace, name } }) {
  return [kind, ...(namespace ? [namespace] : []), name].join('/');
}

function daemonSet(objects) {
  return objects.find(({ kind }) => kind === 'DaemonSet');
}

function hostPaths(objects) {
  return daemonSet(objects).spec.template.spec.volumes.flatMap(({ hostPath }) => hostPath?.path ?? []);
}

/** A copy without the labels that only Helm sets. */
function withoutHelmLabels(object) {
  const ignored = ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'app.kubernetes.io/version'];
  return JSON.parse(
    JSON.stringify(object, (key, value) =>
      key === 'helm.sh/chart' || ignored.includes(key) ? undefined : value,
    ),
  );
}

/** One line for each field that differs, with its path. */
function differences(wanted, actual, path = '') {
  if (isDeepStrictEqual(wanted, actual)) return [];
  const areBothObjects = [wanted, actual].every((value) => typeof value === 'object' && value !== null);
  if (!areBothObjects || Array.isArray(wanted) !== Array.isArray(actual)) {
    return [`${path}: expected ${quote(wanted)}, not ${quote(actual)}`];
  }
  const keys = new Set([...Object.keys(wanted), ...Object.keys(actual)]);
  return [...keys].flatMap((key) => differences(wanted[key], actual[key], `${path}.${key}`));
}

function quote(value) {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function schema() {
  return JSON.parse(fs.readFileSync(join(chart, 'values.schema.json'), 'utf8'));
}

/** All properties of the schema with their paths; `[]` stands for the elements of a list. */
function properties(node, prefix = '') {
  const own = Object.entries(node.properties ?? {}).flatMap(([key, property]) => {
    const path = prefix ? `${prefix}.${key}` : key;
    return [{ path, property }, ...properties(property, path)];
  });
  return node.items ? [...own, ...properties(node.items, `${prefix}[]`)] : own;
}
