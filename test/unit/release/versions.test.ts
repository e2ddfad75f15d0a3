import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { releaseProblems, setVersion, versionProblems } from '../../../scripts/release/versions.mjs';
import { temporaryDirectory } from '../temporary-directory.ts';

const files = ['package.json', 'package-lock.json', 'Dockerfile', 'docker-bake.hcl', 'CHANGELOG.md'];

/** A copy of the project's files that name its version, set to 2.0.0, with a changelog. */
function projectAtVersion2(sections = '## Unreleased\n\n## 2.0.0 - 2026-02-02\n- New.\n') {
  const root = temporaryDirectory();
  for (const name of [...files, 'deploy', 'docs']) cpSync(name, join(root, name), { recursive: true });
  setVersion(root, '2.0.0');
  writeFileSync(join(root, 'CHANGELOG.md'), `# Changelog\n\n${sections}`);
  return root;
}

/** Replaces a text that the file has. */
function edit(root: string, file: string, text: string, replacement: string) {
  const path = join(root, file);
  const content = readFileSync(path, 'utf8');
  expect(content).toContain(text);
  writeFileSync(path, content.replace(text, replacement));
}

describe('the version of the driver', () => {
  test('is the same everywhere', () => {
    expect(versionProblems('.')).toEqual([]);
    expect(releaseProblems('.')).toEqual([]);
  });

  test('can be set everywhere', () => {
    const root = projectAtVersion2();
    expect(versionProblems(root)).toEqual([]);
    expect(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))).toMatchObject({
      version: '2.0.0',
      packages: { '': { version: '2.0.0' } },
    });
  });

  test.each([
    ['package-lock.json', '"version": "2.0.0"'],
    ['Dockerfile', 'ARG VERSION=2.0.0'],
    ['docker-bake.hcl', 'default = "2.0.0"'],
    ['deploy/helm/csi-hostpath/Chart.yaml', 'version: 2.0.0'],
    ['deploy/helm/csi-hostpath/Chart.yaml', 'appVersion: 2.0.0'],
    ['deploy/helm/csi-hostpath/Chart.yaml', 'image: csi-driver-hostpath:2.0.0'],
    ['deploy/helm/rendered/k3s.yaml', 'csi-driver-hostpath:2.0.0'],
    ['deploy/kubernetes/base/kustomization.yaml', 'newTag: 2.0.0'],
    ['docs/tutorials/first-volume.md', 'csi-driver-hostpath:2.0.0'],
  ])('is not another in %s: %s', (file, text) => {
    const root = projectAtVersion2();
    edit(root, file, text, text.replace('2.0.0', '1.9.0'));
    expect(versionProblems(root)).toEqual([`${file} has 1.9.0, but package.json has 2.0.0`]);
  });

  test('must not be missing', () => {
    const root = projectAtVersion2();
    edit(root, 'Dockerfile', 'ARG VERSION=2.0.0', 'ARG VERSION');
    expect(versionProblems(root)).toEqual(['Dockerfile: the version is missing']);
  });
});

describe('a release', () => {
  test('has a tag and a section of the changelog with its version', () => {
    expect(releaseProblems(projectAtVersion2(), 'v2.0.0')).toEqual([]);
  });

  test.each([
    ['another version in its tag', 'v2.0.1', undefined, /the tag is v2\.0\.1/],
    ['no v in its tag', '2.0.0', undefined, /the tag is 2\.0\.0/],
    ['no section', 'v2.0.0', '## Unreleased\n', /newest section must be "## 2\.0\.0/],
    [
      'an older section above its own',
      'v2.0.0',
      '## 1.0.0 - 2026-01-01\n- Old.\n\n## 2.0.0 - 2026-02-02\n- New.\n',
      /1\.0\.0 stands above 2\.0\.0/,
    ],
    ['an empty section', 'v2.0.0', '## Unreleased\n\n## 2.0.0 - 2026-02-02\n', /2\.0\.0 is empty/],
    [
      'changes that are not in its section',
      'v2.0.0',
      '## Unreleased\n- Late.\n\n## 2.0.0 - 2026-02-02\n- New.\n',
      /Unreleased must be empty/,
    ],
  ])('must not have %s', (_, tag, sections, problem) => {
    expect(releaseProblems(projectAtVersion2(sections), tag)[0]).toMatch(problem);
  });

  test('follows its pre-releases', () => {
    const root = projectAtVersion2(
      '## 2.0.0 - 2026-02-02\n- New.\n\n## 2.0.0-rc.10 - 2026-02-01\n\n## 2.0.0-rc.9 - 2026-01-31\n',
    );
    expect(releaseProblems(root, 'v2.0.0')).toEqual([]);
  });
});

test('between releases, the version is not older than the newest in the changelog', () => {
  expect(releaseProblems(projectAtVersion2('## Unreleased\n- Next.\n\n## 1.9.0 - 2026-01-01\n'))).toEqual([]);
  expect(releaseProblems(projectAtVersion2('## 2.1.0 - 2026-03-01\n- Later.\n'))).toEqual([
    'package.json has 2.0.0, but CHANGELOG.md has 2.1.0',
  ]);
});
