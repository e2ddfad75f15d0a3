import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fitLine, formulaOf, valueAt } from '../../../bench/scale/fit.ts';
import { pageFile, scaleDocument } from '../../../bench/scale/page.ts';
import { tables } from '../../../bench/scale/tables.ts';

describe('docs/explanation/scale.md', () => {
  const page = readFileSync(pageFile, 'utf8');

  test('shows the numbers of scale.json', () => {
    expect(page).toBe(scaleDocument());
  });

  test.each(Object.keys(tables))('has the table %s', (name) => {
    expect(page).toContain(`<!-- table: ${name} -->\n| `);
  });
});

describe('an estimate', () => {
  const points = (base: number, perNode: number) =>
    [1, 3, 10, 20].map((nodes) => ({ nodes, value: base + perNode * nodes }));

  test.each([
    ['grows with every node', 12, 7.5, '12 + 7.5 × nodes', 7512],
    ['is proportional to the nodes', 0, 3, '3 × nodes', 3000],
    ['starts with the second node', -7.5, 7.5, '7.5 × nodes − 7.5', 7492.5],
    ['is the same in every cluster', 6, 0, '6', 6],
  ])('%s', (_, base, perNode, formula, thousand) => {
    const line = fitLine(points(base, perNode));
    expect(formulaOf(line)).toBe(formula);
    expect(valueAt(line, 1000)).toBeCloseTo(thousand);
  });

  test('lies between measured values that are not in a line', () => {
    const line = fitLine([
      { nodes: 1, value: 10 },
      { nodes: 2, value: 30 },
      { nodes: 3, value: 20 },
    ]);
    expect(valueAt(line, 1)).toBeCloseTo(15);
    expect(valueAt(line, 3)).toBeCloseTo(25);
  });
});
