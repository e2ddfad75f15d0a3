import { expect, test } from 'vitest';
import { parseMarkdown } from '../../../scripts/lib/docs/markdown.ts';

test('headings have the anchors that GitHub gives them', () => {
  const { title, anchors } = parseMarkdown(
    [
      '# What `df` shows',
      "## Kubernetes' own suite",
      '## --ephemeral',
      '## A [link](x.md), and more',
      '## Snapshots',
      '```text',
      '## no heading',
      '```',
      '## Snapshots',
      '<a id="here"></a>',
    ].join('\n'),
  );
  expect(title).toBe('What `df` shows');
  expect([...anchors]).toEqual([
    'what-df-shows',
    'kubernetes-own-suite',
    '--ephemeral',
    'a-link-and-more',
    'snapshots',
    'snapshots-1',
    'here',
  ]);
});

test('a fence has a language, an info string, its text, and the sections that it is in', () => {
  const { fences } = parseMarkdown(
    [
      '# Page',
      '## One',
      '### Two',
      '1. Do this:',
      '',
      '   ```sh cluster',
      '   a \\',
      '     b',
      '',
      '   ```',
      '## Three',
      '```',
      '```',
    ].join('\n'),
  );
  expect(fences).toEqual([
    { language: 'sh', info: 'cluster', text: 'a \\\n  b\n\n', line: 6, sections: ['page', 'one', 'two'] },
    { language: '', info: '', text: '', line: 12, sections: ['page', 'three'] },
  ]);
});

test('a fence that is not closed is an error', () => {
  expect(() => parseMarkdown('# Page\n```sh\necho\n')).toThrow('the fence in line 2 is not closed');
});
