import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const text = readFileSync('docs/explanation/security.md', 'utf8');
const rows = text.split('\n').filter((line) => /^\| to /.test(line));

test('each protection against a tenant or a caller names its tests, which exist', () => {
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const tests = [...row.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path);
    expect(tests, row).not.toEqual([]);
    for (const path of tests) expect(existsSync(path), path).toBe(true);
  }
});
