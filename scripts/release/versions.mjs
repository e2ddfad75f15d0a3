// The version of the driver, in every file that names it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseChangelog } from './changelog.mjs';

const chart = 'deploy/helm/csi-hostpath/Chart.yaml';
const version = String.raw`(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)`;

/** In each of these files the pattern matches at least once, and each match is preceded by what the first group has. */
const places = [
  { file: 'package.json', pattern: `^(  "version": ")${version}` },
  { file: 'package-lock.json', pattern: `("name": "csi-driver-hostpath",\n *"version": ")${version}` },
  { file: 'Dockerfile', pattern: `^(ARG VERSION=)${version}` },
  { file: 'docker-bake.hcl', pattern: `(variable "VERSION" {\n  default = ")${version}` },
  { file: chart, pattern: `^(version: )${version}` },
  { file: chart, pattern: `^(appVersion: )${version}` },
  {
    file: 'deploy/kubernetes/base/kustomization.yaml',
    pattern: `(name: csi-driver-hostpath\n *newTag: )${version}`,
  },
];
/** The images that manifests, examples and pages name, in any file of these directories. */
const imageDirectories = ['deploy', 'docs'];
const imagePattern = `((?:csi-driver-hostpath|\\bIMAGE):)${version}`;

/** One line for each place in the project at `root` that does not have the version of package.json. */
export function versionProblems(root) {
  const wanted = packageVersion(root);
  return [...allPlaces(root)].flatMap(({ file, pattern, isOptional }) => {
    const found = [...readFileSync(join(root, file), 'utf8').matchAll(new RegExp(pattern, 'gm'))];
    if (found.length === 0 && !isOptional) return [`${file}: the version is missing`];
    return found.flatMap(([, , actual]) =>
      actual === wanted ? [] : [`${file} has ${actual}, but package.json has ${wanted}`],
    );
  });
}

/** One line for each reason why the changelog of the project does not fit its version; with a tag, to be released as that. */
export function releaseProblems(root, tag) {
  const wanted = packageVersion(root);
  const sections = parseChangelog(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'));
  const releases = sections.filter(({ date }) => date !== undefined);
  const order = releases.flatMap(({ version: one }, index) => {
    const next = releases[index + 1]?.version;
    return next === undefined || isNewer(one, next) ? [] : [`CHANGELOG.md: ${one} stands above ${next}`];
  });
  const [newest] = releases;
  if (tag === undefined) {
    const isBehind = newest !== undefined && isNewer(newest.version, wanted);
    return isBehind
      ? [...order, `package.json has ${wanted}, but CHANGELOG.md has ${newest.version}`]
      : order;
  }
  const unreleased = sections.find((section) => section.date === undefined);
  return [
    ...order,
    ...(tag === `v${wanted}` ? [] : [`the tag is ${tag}, but package.json has ${wanted}`]),
    ...(newest?.version === wanted ? [] : [`CHANGELOG.md: the newest section must be "## ${wanted} - DATE"`]),
    ...(newest?.text === '' ? [`CHANGELOG.md: the section ${newest.version} is empty`] : []),
    ...(unreleased?.text ? ['CHANGELOG.md: the section Unreleased must be empty'] : []),
  ];
}

/** Gives every place of the project the same version, but the changelog. */
export function setVersion(root, newVersion) {
  for (const { file, pattern } of allPlaces(root)) {
    const text = readFileSync(join(root, file), 'utf8');
    const changed = text.replaceAll(new RegExp(pattern, 'gm'), (_, before) => `${before}${newVersion}`);
    if (changed !== text) writeFileSync(join(root, file), changed);
  }
}

function packageVersion(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

function* allPlaces(root) {
  yield* places;
  for (const directory of imageDirectories) {
    for (const entry of readdirSync(join(root, directory), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = relative(root, join(entry.parentPath ?? entry.path, entry.name));
      yield { file, pattern: imagePattern, isOptional: true };
    }
  }
}

/** Whether a version comes after another; a pre-release comes before its release. */
function isNewer(one, other) {
  const [numbers, otherNumbers] = [one, other].map((each) => each.split('-')[0].split('.').map(Number));
  const difference = numbers.map((number, index) => number - otherNumbers[index]).find((each) => each !== 0);
  if (difference !== undefined) return difference > 0;
  const [suffix, otherSuffix] = [one, other].map((each) => each.split('-')[1]);
  if (suffix === undefined || otherSuffix === undefined)
    return suffix === undefined && otherSuffix !== undefined;
  return suffix.localeCompare(otherSuffix, 'en', { numeric: true }) > 0;
}
