import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const text = readFileSync('docs/reference/support-matrix.md', 'utf8');
const read = (path: string) => readFileSync(path, 'utf8');

/** The rows of a section's table, each as its cells. */
function rows(section: string): string[][] {
  const [, body = ''] = text.split(`## ${section}\n`);
  return (body.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
    .slice(1);
}

/** The versions of the sidecars that the manifests name, by their names. */
function sidecarsIn(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.yaml'),
  );
  const images = files.flatMap((name) => [
    ...read(`${directory}/${name}`).matchAll(/image: registry\.k8s\.io\/sig-storage\/([\w-]+):(\S+)/g),
  ]);
  return Object.fromEntries(images.map(([, name = '', version = '']) => [name, version]));
}

describe('the support matrix', () => {
  test('has the sidecars of the manifests, and no others', () => {
    const listed = Object.fromEntries(rows('Sidecars').map(([name = '', version = '']) => [name, version]));
    expect(listed).toEqual(sidecarsIn('deploy/kubernetes'));
  });

  test('has the sidecars of the chart', () => {
    const listed = rows('Sidecars').map(([name, version]) => `${name} ${version}`);
    const values = parse(read('deploy/helm/csi-hostpath/values.yaml'));
    for (const { image } of Object.values(values.sidecars) as {
      image: { repository: string; tag: string };
    }[])
      expect(listed).toContain(`${image.repository.replace('sig-storage/', '')} ${image.tag}`);
  });

  test('has the tested Kubernetes, and the oldest that the chart accepts', () => {
    const [, tested] =
      /k8s\.io\/kubernetes v(\d+\.\d+)\./.exec(read('test/cluster/src/kubernetes/go.mod')) ?? [];
    const [, helm] = /helm\.sh\/helm\/v3 v(3\.\d+)\./.exec(read('test/cluster/src/helm/go.mod')) ?? [];
    const [, oldest] =
      /^>=(.+)-0$/.exec(parse(read('deploy/helm/csi-hostpath/Chart.yaml')).kubeVersion) ?? [];
    const cells = rows('Kubernetes').map(([, version, note]) => `${version} ${note}`);
    expect(cells).toEqual([
      expect.stringMatching(`^${tested} `),
      expect.stringMatching(`^${oldest} and newer`),
      expect.stringContaining(` ${helm}`),
    ]);
  });

  test('has the tested versions of Velero and its plugin, which are in its guide as well', () => {
    const pinned = [
      ...read('test/cluster/src/velero/go.mod').matchAll(/vmware-tanzu\/velero(-plugin-for-aws)? (v\S+)/g),
    ];
    const versions = pinned.map(([, , version = '']) => version);
    expect(rows('Backups').map(([, version]) => version)).toEqual(versions);
    const guide = read('docs/guides/backup/velero.md');
    const [velero = '', plugin = ''] = versions.map((version) => version.slice(1));
    expect(guide).toContain(`tested with Velero ${velero} and its plugin for S3 ${plugin}`);
    expect(guide).toContain(`velero/velero-plugin-for-aws:v${plugin} `);
  });

  test('has the kernel that the driver needs', () => {
    const [, major, minor] =
      /MINIMUM_KERNEL = \{ major: (\d+), minor: (\d+) \}/.exec(read('src/kernel/process/host.ts')) ?? [];
    expect(rows('Linux on the nodes')[0]?.[0]).toBe(`${major}.${minor}`);
  });

  test('has the minimum, the tested and the shipped version of Node.js', () => {
    const minimum = JSON.parse(read('package.json')).engines.node.replace('>=', '');
    const { node: tested } = parse(read('.github/workflows/test.yml')).jobs.test.strategy.matrix;
    const [, shipped] = /^ARG BUILD_BASE=node:(\d+)-/m.exec(read('Dockerfile')) ?? [];
    const versions = rows('Node.js').map(([, version]) => version);
    expect(versions).toEqual([minimum.replace(/\.0$/, ''), tested.join(', '), shipped]);
  });

  test('has the architectures of the image', () => {
    const [, platforms = ''] = /platforms = \[(.+)\]/.exec(read('docker-bake.hcl')) ?? [];
    const built = [...platforms.matchAll(/linux\/(\w+)/g)].map(([, name]) => name);
    expect(rows('Architectures').map(([name]) => name)).toEqual(built);
  });
});
