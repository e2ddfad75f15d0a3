import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { unsupportedHostReason } from '../../../src/kernel/process/host.ts';

const text = readFileSync('README.md', 'utf8');

describe('the badges of the README', () => {
  const { engines, license } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    engines: { node: string };
    license: string;
  };
  const [csi = ''] = /v[\d.]+/.exec(readFileSync('docs/reference/csi.md', 'utf8')) ?? [];
  const [, kubernetes = ''] =
    /kubeVersion: ">=(\d+\.\d+)/.exec(readFileSync('deploy/helm/csi-hostpath/Chart.yaml', 'utf8')) ?? [];
  const kernel = unsupportedHostReason({ platform: 'linux', kernelRelease: '1.0', effectiveUserId: 0 });
  const [, linux = ''] = /Linux ([\d.]+) or newer/.exec(kernel ?? '') ?? [];

  test.each([
    ['CSI', csi],
    ['Kubernetes', kubernetes],
    ['Linux', `≥${linux}`],
    ['Node.js', engines.node.replace('>=', '≥').replace(/\.0$/, '')],
    ['license', license],
  ])('%s', (label, value) => {
    expect(value).toMatch(/\d/);
    // shields.io writes a dash as two.
    const [, shown = ''] =
      new RegExp(`img\\.shields\\.io/badge/${label.replace('.', '\\.')}-((?:[^-]|--)+)-`).exec(text) ?? [];
    expect(decodeURIComponent(shown.replaceAll('--', '-'))).toBe(value);
  });
});

test('each cell of the comparison has a source, or says that there is none', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('][us-'));
  expect(rows.length).toBeGreaterThan(10);
  const defined = new Set([...text.matchAll(/^\[([a-z-]+)\]: /gm)].map(([, name]) => name));
  for (const row of rows) {
    const cells = row.split('|').slice(2, -1);
    expect(cells, row).toHaveLength(6);
    for (const cell of cells) {
      const sources = [...cell.matchAll(/\]\[([a-z-]+)\]/g)].map(([, name]) => name);
      if (cell.trim() !== 'not documented') expect(sources, row).not.toEqual([]);
      for (const name of sources) expect(defined, row).toContain(name);
    }
  }
});
