import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { publishedChart } from '../../../scripts/release/published-chart.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const edits = publishedChart({
  version,
  registry: 'registry.test/owner',
  source: 'https://source.test/driver',
});

/** A file of the chart as a release has it. */
function published(name: string): string {
  const edit = edits[name];
  if (!edit) throw new Error(`${name} is not changed`);
  return edit(readFileSync(`deploy/helm/csi-hostpath/${name}`, 'utf8'));
}

describe('the chart of a release', () => {
  test("has the release's image", () => {
    expect(parse(published('values.yaml')).image).toMatchObject({ registry: 'registry.test/owner', tag: '' });
    const chart = parse(published('Chart.yaml'));
    expect(parse(chart.annotations['artifacthub.io/images'])[0]).toEqual({
      name: 'driver',
      image: `registry.test/owner/csi-driver-hostpath:${version}`,
    });
  });

  test('describes how to install it from its registry', () => {
    const readme = published('README.md');
    expect(readme).toContain(`oci://registry.test/owner/charts/csi-hostpath --version ${version} `);
    expect(readme).not.toContain('registry.example.org');
    expect(readme).toContain('| `image.registry` | `"registry.test/owner"` |');
  });

  test('links to the pages of the release', () => {
    expect(parse(published('Chart.yaml')).home).toBe('https://source.test/driver');
    expect(published('README.md')).toContain(
      `[Installing with Helm](https://source.test/driver/blob/v${version}/docs/guides/install/helm.md)`,
    );
    expect(published('README.md')).not.toContain('](../');
  });

  test('cannot be made if the chart has changed in an unexpected way', () => {
    expect(() => edits['values.yaml']?.('image:\n  registry: elsewhere\n')).toThrow(
      'must have this text once',
    );
  });
});
