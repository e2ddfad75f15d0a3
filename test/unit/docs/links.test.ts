import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { brokenLinks, readPages, unreachablePages } from '../../../scripts/lib/docs/pages.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

describe('the pages of the project', () => {
  const pages = readPages();

  test('link only to files and headings that exist', () => {
    expect(pages.size).toBeGreaterThan(60);
    expect(brokenLinks(pages)).toEqual([]);
  });

  test('can be reached from the index, if they are in docs', () => {
    expect(unreachablePages(pages)).toEqual([]);
  });
});

describe('a broken link is found', () => {
  test.each([
    ['to a file', '[a](missing.md)', 'docs/README.md:1: missing.md: no such file'],
    ['to a file outside the project', '[a](../../x.md)', 'docs/README.md:1: ../../x.md: no such file'],
    ['to a heading of the page itself', '[a](#b)', 'docs/README.md:1: #b: no such heading'],
    ['to a heading of another page', '\n[a\nb](other.md#c)', 'docs/README.md:3: other.md#c: no such heading'],
    [
      'to a part of another kind of file',
      '[a](a.ts#L1)',
      'docs/README.md:1: a.ts#L1: only a Markdown page has anchors',
    ],
    ['of an image', '![a](missing.svg)', 'docs/README.md:1: missing.svg: no such file'],
    ['in HTML', '<img alt="" src="missing.svg">', 'docs/README.md:1: missing.svg: no such file'],
    ['in a definition', '[a]: missing.md', 'docs/README.md:1: missing.md: no such file'],
    ['without encryption', '[a](http://example.org)', 'docs/README.md:1: http://example.org: is not https'],
  ])('%s', (_, text, problem) => {
    const root = project({ 'docs/README.md': text, 'docs/other.md': '# Title', 'docs/a.ts': '' });
    expect(brokenLinks(readPages(root), root)).toEqual([problem]);
  });

  test('but not in code', () => {
    const root = project({ 'docs/README.md': 'Write `[a](missing.md)`:\n\n```text\n[a](missing.md)\n```\n' });
    expect(brokenLinks(readPages(root), root)).toEqual([]);
  });
});

test('a page that only an unreachable page links to is found, too', () => {
  const root = project({
    'docs/README.md': '[a](one.md) [b](more/)',
    'docs/one.md': '[c](../README.md)',
    'docs/more/README.md': '',
    'docs/lost.md': '[d](lost-too.md)',
    'docs/lost-too.md': '[e](lost.md)',
    'README.md': '',
  });
  expect(unreachablePages(readPages(root), root).sort()).toEqual(['docs/lost-too.md', 'docs/lost.md']);
});

/** A directory with these files. */
function project(files: Readonly<Record<string, string>>): string {
  const root = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
